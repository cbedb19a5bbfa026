# SPDX-License-Identifier: Apache-2.0
"""From what a request says of a picture to its encoded bytes."""

from __future__ import annotations

import binascii
from dataclasses import replace
from typing import TYPE_CHECKING

from ppocrvl.server.codes import ApiError

if TYPE_CHECKING:
    from ppocrvl.server.admission import Share
    from ppocrvl.server.fetch import Fetcher
    from ppocrvl.server.server_limits import ServerLimits

_LONGEST_HEADER = 256  # of a data URI, before its comma


class PictureLoader:
    """Turns data URIs, base64 and, where that is on, URLs into bytes."""

    def __init__(self, limits: ServerLimits, fetcher: Fetcher | None) -> None:
        self._limits = limits
        self._fetcher = fetcher

    def for_documents(self) -> PictureLoader:
        """The same for documents, which have a limit of their own where they are not fetched."""
        limits = replace(self._limits, max_picture_bytes=self._limits.max_document_bytes)
        return PictureLoader(limits, self._fetcher)

    async def fetch(self, reference: str | bytes, share: Share) -> bytes:
        """The bytes of a picture that `decode` left as a URL.

        Args:
            reference: what `decode` gave.
            share: counts the bytes that are fetched.

        Raises:
            ApiError: it cannot be had.
        """
        if isinstance(reference, bytes):
            return reference
        if self._fetcher is None:
            raise ApiError(
                "url_fetch_disabled",
                "this server does not fetch images from URLs; send the image as a data URI",
            )
        return await self._fetcher.fetch(reference, share)

    def decode(self, reference: str, *, bare: bool = False) -> bytes | str:
        """The bytes of a data URI; a URL as it stands.

        Args:
            reference: what the request says.
            bare: base64 without the head of a data URI will do.

        Raises:
            ApiError: it is neither, or over the limit on bytes.
        """
        kind = reference[:8].lower()
        if kind.startswith(("http://", "https://")):
            return reference
        if kind.startswith("data:"):
            comma = reference.find(",", 0, _LONGEST_HEADER)
            if comma < 0 or not reference[:comma].lower().endswith(";base64"):
                raise ApiError(
                    "invalid_image_url", "a data URI must have the form data:image/…;base64,…"
                )
            start = comma + 1
        elif bare and ":" not in reference[:16]:
            start = 0
        else:
            raise ApiError(
                "invalid_image_url",
                "an image must be a base64 data URI (data:image/…;base64,…) or an https URL; "
                "files of the server are never read",
            )
        if (len(reference) - start) // 4 * 3 - 2 > self._limits.max_picture_bytes:
            raise self._too_large()
        try:
            data = binascii.a2b_base64(reference[start:], strict_mode=True)
        except (binascii.Error, ValueError) as error:
            raise ApiError("invalid_image_url", f"an image is no valid base64: {error}") from None
        return self.checked(data)

    def checked(self, data: bytes) -> bytes:
        """The data, if its size is within the limit.

        Raises:
            ApiError: it is not, or there is none.
        """
        if len(data) > self._limits.max_picture_bytes:
            raise self._too_large()
        if not data:
            raise ApiError("invalid_image", "an image is empty (0 bytes)")
        return data

    def check_count(self, count: int) -> None:
        """Whether a request may have so many pictures.

        Raises:
            ApiError: none, or too many.
        """
        if count == 0:
            raise ApiError("image_required", "there is no image in the request: nothing to read")
        if count > self._limits.max_pictures:
            raise ApiError(
                "too_many_images",
                f"{count} images in one request; at most {self._limits.max_pictures} are taken",
            )

    def _too_large(self) -> ApiError:
        limit = self._limits.max_picture_bytes
        return ApiError("image_too_large", f"an image is over the limit of {limit:,} bytes")
