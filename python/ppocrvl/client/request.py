# SPDX-License-Identifier: Apache-2.0
"""A request as chat completions have it, and the answer as a result."""

from __future__ import annotations

import base64
import io
import math
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from ppocrvl.errors import OptionError, ServerError
from ppocrvl.images.limits import MAX_IMAGE_PIXELS
from ppocrvl.images.load import ImageSource, load_image
from ppocrvl.images.resize import enlarge_for_spotting, resize_to_pixels
from ppocrvl.results import Result, Timings, mean_probability
from ppocrvl.tasks import Task, find_task

if TYPE_CHECKING:
    from ppocrvl.options import RequestOptions

OFFICIAL_PIXELS = (112_896, 1_003_520)
"""Pixel limits of versions 1.5 and 1.6 (preprocessor_config.json)."""
OFFICIAL_SPOTTING_PIXELS = (112_896, 1_605_632)
"""The same for spotting, as the official pipeline sets them."""
LATEST_VERSION = "1.6"

_LOCATION = re.compile(r"<\|LOC_\w+\|>")
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF")
"""Beginnings of files that go to our own server as they are; the rest goes as PNG."""


@dataclass(frozen=True, slots=True)
class ServerModel:
    """What a server says of its model.

    Attributes:
        name: to ask for.
        own: whether the server is ours.
        version: "1.0", "1.5" or "1.6".
        pixels: (min, max) of each task; of "" for all others.
    """

    name: str
    own: bool = False
    version: str = LATEST_VERSION
    pixels: dict[str, tuple[int, int]] | None = None

    def limits(self, task: Task) -> tuple[int, int]:
        """The pixel limits of a task."""
        official = OFFICIAL_SPOTTING_PIXELS if task.name == "spotting" else OFFICIAL_PIXELS
        known = self.pixels or {}
        return known.get(task.name, known.get("", official))


def server_model(answer: dict[str, Any], name: str | None) -> ServerModel:
    """The model that a server lists, the first or that of this name.

    Raises:
        ServerError: it lists none.
    """
    listed = [one for one in answer.get("data") or [] if isinstance(one, dict) and one.get("id")]
    found = [one for one in listed if name is None or one["id"] == name]
    if not found:
        if name is not None:
            return ServerModel(name)
        raise ServerError("the server lists no model; name one (--server-model)")
    more = found[0].get("ppocrvl")
    if not isinstance(more, dict):
        return ServerModel(str(found[0]["id"]))
    return ServerModel(
        name=str(found[0]["id"]),
        own=True,
        version=str(more["version"]),
        pixels={task: (low, high) for task, (low, high) in more["pixels"].items()},
    )


class Question:
    """One picture and what is asked about it.

    Args:
        image: as `Engine.ocr` takes it.
        asked: how.
        model: whom.

    Raises:
        ImageError: the picture cannot be read.
        OptionError: an option that a server cannot be asked for.
    """

    def __init__(self, image: ImageSource, asked: RequestOptions, model: ServerModel) -> None:
        if asked.grammar or asked.priority:
            raise OptionError("grammar and priority cannot be asked of a server")
        self._asked = asked
        self._model = model
        self._task = find_task(asked.task, model.version)
        self._keeps = (
            self._task.keeps_location_tokens
            if asked.keep_location_tokens is None
            else asked.keep_location_tokens
        )
        low, high = model.limits(self._task)
        self._pixels = (asked.min_pixels or low, asked.max_pixels or high)
        self._size: tuple[int, int] | None = None  # of the picture, where it was opened here
        self._resized = (0, 0)
        self._uri = self._picture(image)

    def body(self, *, stream: bool) -> dict[str, Any]:
        """The body of a chat completion."""
        asked = self._asked
        prompt = self._task.prompt if asked.prompt is None else asked.prompt
        content = [
            {"type": "image_url", "image_url": {"url": self._uri}},
            {"type": "text", "text": prompt},
        ]
        body: dict[str, Any] = {
            "model": self._model.name,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": asked.max_tokens,
            "temperature": asked.temperature,
            "logprobs": True,
            "skip_special_tokens": not self._keeps,
        }
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        body |= {name: value for name, value in self._unusual().items() if value is not None}
        if self._model.own:
            low, high = self._pixels
            body["mm_processor_kwargs"] = {"min_pixels": low, "max_pixels": high}
            body |= {"utf8": asked.utf8, "stop_loops": asked.stop_loops, "tokens": True}
        return body

    def clean(self, text: str) -> str:
        """Text without what the caller did not ask for."""
        return text if self._keeps else _LOCATION.sub("", text)

    def result(self, text: str, choice: dict[str, Any], answer: dict[str, Any]) -> Result:
        """The result.

        Args:
            text: all of it.
            choice: that of the answer, or of the last chunk, with its reason to finish.
            answer: with `usage` and, from our own server, `ppocrvl`.

        Raises:
            ServerError: something in it is not as it must be.
        """
        try:
            if answer.get("ppocrvl"):
                return self._own_result(answer["ppocrvl"][0])
            return self._foreign_result(text, choice, answer.get("usage") or {})
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ServerError(f"the server's answer is not as it must be: {error!r}") from error

    def _unusual(self) -> dict[str, Any]:
        """Options that a server need not hear of at their defaults."""
        asked = self._asked
        return {
            "top_p": asked.top_p if asked.top_p < 1 else None,
            "top_k": asked.top_k or None,
            "min_p": asked.min_p or None,
            "seed": asked.seed or None,
            "repetition_penalty": asked.repetition_penalty
            if asked.repetition_penalty != 1
            else None,
            "repeat_penalty": asked.repetition_penalty if asked.repetition_penalty != 1 else None,
            "logit_bias": {str(token): bias for token, bias in asked.logit_bias.items()} or None,
            "stop": list(asked.stops) or None,
            "deadline": asked.deadline if asked.deadline and asked.deadline < 86_400 else None,
        }

    def _picture(self, image: ImageSource) -> str:
        """The data URI.

        Our own server gets a file as it is. Others get the picture at the size that the encoder is
        to see: whatever their own way to resize, a picture of that size stays as it is.
        """
        doubles = self._task.enlarges_small_pictures
        if self._model.own and not doubles:
            data = _encoded(image)
            if data is not None:
                return _uri(data)
        picture = load_image(image, max_image_pixels=MAX_IMAGE_PIXELS)
        self._size = picture.size
        if doubles:
            picture = enlarge_for_spotting(picture)
        if not self._model.own:
            low, high = self._pixels
            pixels = resize_to_pixels(picture, min_pixels=low, max_pixels=high)
            self._resized = (pixels.shape[1], pixels.shape[0])
            picture = Image.fromarray(pixels)
        return _uri(_png(picture))

    def _own_result(self, more: dict[str, Any]) -> Result:
        width, height = self._size or more["image_size"]
        return Result(
            text=more["text"],
            finish_reason=more["finish_reason"],
            confidence=more["confidence"],
            task=self._task.name,
            image_size=(width, height),
            resized=tuple(more["resized"]),
            timings=Timings(**{one.name: more["timings"][one.name] for one in fields(Timings)}),
            token_ids=tuple(more["token_ids"]),
            logprobs=tuple(more["logprobs"]),
            token_ends=tuple(more["token_ends"]),
            repeated_tokens=more["repeated_tokens"],
        )

    def _foreign_result(self, text: str, choice: dict[str, Any], usage: dict[str, Any]) -> Result:
        entries = (choice.get("logprobs") or {}).get("content") or []
        entries = [one for one in entries if self._keeps or not _LOCATION.fullmatch(one["token"])]
        logprobs = tuple(float(one["logprob"]) for one in entries)
        ends, end = [], 0
        for one in entries:
            end += len(one["bytes"] if one.get("bytes") else one["token"].encode())
            ends.append(end)
        text = self.clean(text)
        fits = end == len(text.encode()) and all(map(math.isfinite, logprobs))
        reason = choice.get("finish_reason")
        return Result(
            text=text,
            finish_reason="length" if reason == "length" else "stop",
            confidence=mean_probability(logprobs),
            task=self._task.name,
            image_size=self._size or (0, 0),
            resized=self._resized,
            timings=Timings(
                *(0.0,) * 6,
                image_tokens=0,
                prompt_tokens=int(usage.get("prompt_tokens") or 0),
                generated_tokens=int(usage.get("completion_tokens") or 0),
            ),
            token_ids=tuple(int(one["id"]) for one in entries if "id" in one) if fits else (),
            logprobs=logprobs if fits else (),
            token_ends=tuple(ends) if fits else (),
        )


def _encoded(image: ImageSource) -> bytes | None:
    """The bytes of a picture that is encoded in a common way already; None for others.

    A path that cannot be read is left to `load_image`, which says why.
    """
    if isinstance(image, bytes | bytearray | memoryview):
        data = bytes(image)
    elif isinstance(image, str | Path):
        try:
            data = Path(image).read_bytes()
        except (OSError, ValueError):
            return None
    else:
        return None
    return data if data.startswith(_MAGIC) else None


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _uri(data: bytes) -> str:
    # What kind it is shows in its first bytes; some servers look at the name all the same.
    kind = "jpeg" if data.startswith(b"\xff\xd8\xff") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
