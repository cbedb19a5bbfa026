# SPDX-License-Identifier: Apache-2.0
"""A request: one picture and how it is to be read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ppocrvl.errors import OptionError
from ppocrvl.requests.options import RequestOptions, Retry

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from ppocrvl.requests.image_source import ImageSource
    from ppocrvl.requests.options import ReadOptions


@dataclass(frozen=True, slots=True, eq=False)
class Request(RequestOptions):
    """One image with its own options, those of `RequestOptions`. All values are checked here.

    Attributes:
        image: a path, encoded bytes, a binary file object, a Pillow image, or a numpy array
            [h, w], [h, w, 3] or [h, w, 4] of uint8, uint16, bool, or float in 0..1. None for a
            conversation without an image.
        tag: any value of the caller's; it is returned unchanged in the outcome.

    Raises:
        OptionError: an option is out of range, or there is neither an image nor a prompt.
    """

    image: ImageSource | None = field(kw_only=False, repr=False)
    tag: object = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        RequestOptions.__post_init__(self)  # slots: `super()` would look for another class
        if self.image is None and (
            self.retry is not None or (self.prompt is None and self.messages is None)
        ):
            raise OptionError("without an image, give prompt or messages, and no retry")

    # Pictures cannot be compared: of two arrays == is an array.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @classmethod
    def of(cls, image: ImageSource | Request | None, options: ReadOptions) -> Request:
        """The request for a call with this image and these keyword arguments.

        Raises:
            OptionError: `image` is a `Request` and there are also options, or an option is out of
                range.
        """
        if not isinstance(image, Request):
            return cls(image, **options)
        if options:
            raise OptionError(f"a Request has options of its own; put {', '.join(options)} into it")
        return image

    @classmethod
    def of_many(cls, item: ImageSource | Request | None, options: ReadOptions) -> Request:
        """The request for one of many items; these options apply to plain images.

        Raises:
            OptionError: an option is out of range.
        """
        return item if isinstance(item, Request) else cls(item, **options)

    @classmethod
    def from_json(cls, values: object, *, folder: str | os.PathLike[str] = ".") -> Self:
        """The request described by a JSON object.

        Args:
            values: the object as `json.loads` returns it. Its keys are the names of the fields.
                `image` is a path, or null for a conversation without an image. `retry` is true,
                false, null, or an object with the fields of `Retry`. The keys of `logit_bias` are
                token ids as strings.
            folder: relative paths start here.

        Raises:
            OptionError: `values` is not an object, a key is missing or unknown (the message
                suggests the most similar known key), or a value is invalid.
        """
        given = dict(_object("a request", values, (one.name for one in fields(cls))))
        if "image" not in given:
            raise OptionError("a request needs the key 'image': a path, or null")
        image = given.pop("image")
        if image is not None:
            if not isinstance(image, str) or not image:
                raise OptionError(f"image must be a path, not {image!r:.80}")
            image = Path(folder) / image
        if isinstance(given.get("logit_bias"), Mapping):
            given["logit_bias"] = {_token(id_): bias for id_, bias in given["logit_bias"].items()}
        if "retry" in given:
            given["retry"] = _retry(given["retry"])
        return cls(image, **{name: value for name, value in given.items() if value is not None})


def next_about(loaded: Request, asked: Request | None) -> Request | None:
    """What is asked next, about the picture as it was loaded for this request."""
    return None if asked is None else dataclasses.replace(asked, image=loaded.image)


def _object(what: str, values: object, names: Iterable[str]) -> Mapping[str, Any]:
    """The values, if they are an object with no other keys than these."""
    if not isinstance(values, Mapping):
        raise OptionError(f"{what} must be a JSON object, not {values!r:.80}")
    known = list(names)
    for key in values:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise OptionError(f"{what} has no key {key!r}; {hint}")
    return values


def _token(text: object) -> int:
    if not isinstance(text, str) or not (text.isascii() and text.isdigit()):
        raise OptionError(f"logit_bias must have token ids as its keys, not {text!r:.80}")
    return int(text)


def _retry(value: object) -> Retry | None:
    if value is None or value is False:
        return None
    if value is True:
        return Retry()
    return Retry(**_object("retry", value, (one.name for one in fields(Retry))))
