# SPDX-License-Identifier: Apache-2.0
"""A request as chat completions have it, and the answer as a result."""

from __future__ import annotations

import base64
import io
import math
import os
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from ppocrvl.errors import OptionError, ServerError
from ppocrvl.images.limits import MAX_FILE_BYTES
from ppocrvl.images.pixels import picture_for, pixels_for
from ppocrvl.requests.pixel_limits import LATEST_VERSION, limits_for
from ppocrvl.requests.results import Result, Timings, mean_probability
from ppocrvl.requests.tasks import find_task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ppocrvl.requests.image_source import ImageSource
    from ppocrvl.requests.pixel_limits import PixelLimits
    from ppocrvl.requests.request import Request

_ALL = -1
"""As `top_k`, with every server; 0 is refused by some."""
_BAN = 100.0
"""What OpenAI's interface has for a token that must not come, or must."""
_SHORTEST_DEADLINE, _LONGEST_DEADLINE = 1e-3, 86_400.0
"""Seconds, of our own server."""

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
        loading: whether the server is ours and does not know its model yet: it says no more than
            the name.
    """

    name: str
    own: bool = False
    version: str = LATEST_VERSION
    pixels: Mapping[str, PixelLimits] = field(default_factory=dict)
    loading: bool = False


def server_model(answer: dict[str, Any], name: str | None) -> ServerModel:
    """The model that a server lists, the first or that of this name.

    Our own server has one model, and takes any name for it.

    Raises:
        ServerError: it lists none, or what it says of it is not as it must be.
    """
    listed = answer.get("data")
    models = [
        one
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict) and one.get("id")
    ]
    if not models and name is None:
        raise ServerError("the server lists no model; name one")
    found = [one for one in models if name is None or one["id"] == name]
    if not found and list(map(_is_own, models)) == [True]:
        found = models
    if not found:
        return ServerModel(str(name))
    name = str(found[0]["id"]) if name is None else name
    more = found[0].get("ppocrvl")
    if more is None:
        return ServerModel(name, loading=_is_own(found[0]))
    try:
        version = str(more["version"])
        pixels = {task: (int(low), int(high)) for task, (low, high) in more["pixels"].items()}
        find_task("ocr", version)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ServerError(f"what the server says of its model cannot be: {error!r}") from error
    return ServerModel(name, own=True, version=version, pixels=pixels)


def _is_own(model: dict[str, Any]) -> bool:
    return model.get("owned_by") == "ppocrvl"


def check_askable(request: Request) -> None:
    """Makes sure that a server can be asked this.

    Raises:
        OptionError: it cannot.
    """
    if request.grammar or request.priority:
        raise OptionError("grammar and priority cannot be asked of a server")


class Question:
    """A request as a server gets it.

    Args:
        asked: the request.
        model: whom.

    Raises:
        ImageError: the picture cannot be read.
        OptionError: an option that a server cannot be asked for.
    """

    def __init__(self, asked: Request, model: ServerModel) -> None:
        check_askable(asked)
        if asked.draft is not None and not model.own:
            raise OptionError("draft is for a server of ppocrvl; other servers take none")
        self._asked = asked
        self._model = model
        self._task = find_task(asked.task, model.version)
        self._keeps = (
            self._task.keeps_location_tokens
            if asked.keep_location_tokens is None
            else asked.keep_location_tokens
        )
        self._pixels = limits_for(self._task, model.pixels, asked.min_pixels, asked.max_pixels)
        self._size = self._resized = (0, 0)  # of the picture, where it was opened here
        self._uri = None if asked.image is None else self._picture(asked.image)
        self._messages = self._turns()

    def body(self, *, stream: bool) -> dict[str, Any]:
        """The body of a chat completion."""
        asked = self._asked
        body: dict[str, Any] = {
            "model": self._model.name,
            "messages": self._messages,
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
            if asked.draft is not None:
                body["draft"] = asked.draft if isinstance(asked.draft, str) else list(asked.draft)
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
            if self._model.own:
                return self._own_result(answer["ppocrvl"][0])
            return self._foreign_result(text, choice, answer.get("usage") or {})
        except (AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
            raise ServerError(f"the server's answer is not as it must be: {error!r}") from error

    def late(self) -> Result:
        """The result where the deadline passed before the server had anything to answer."""
        return self._foreign_result("", {"finish_reason": "deadline"}, {})

    def _turns(self) -> list[dict[str, Any]]:
        """The messages, with the picture in the first of the user."""
        asked = self._asked
        prompt = self._task.prompt if asked.prompt is None else asked.prompt
        said = asked.messages or [{"role": "user", "content": prompt}]
        turns: list[dict[str, Any]] = [
            {"role": one["role"], "content": one["content"]} for one in said
        ]
        if self._uri is not None:
            first = next(turn for turn in turns if turn["role"] == "user")
            first["content"] = [
                {"type": "image_url", "image_url": {"url": self._uri}},
                {"type": "text", "text": first["content"]},
            ]
        return turns

    def _unusual(self) -> dict[str, Any]:
        """Options that a server need not hear of: None where it does what is wanted anyway.

        Where tokens are sampled all of how is said, since servers have defaults of their own.
        """
        asked = self._asked
        samples = asked.temperature > 0
        penalty = None if asked.repetition_penalty == 1 else asked.repetition_penalty
        return {
            "top_p": asked.top_p if samples else None,
            "top_k": (asked.top_k or _ALL) if samples else None,
            "min_p": asked.min_p if samples else None,
            "seed": asked.seed if samples else None,
            "repetition_penalty": penalty,
            "repeat_penalty": penalty,
            "logit_bias": {
                # JSON has no infinity
                str(token): max(-_BAN, min(_BAN, bias)) if math.isinf(bias) else bias
                for token, bias in asked.logit_bias.items()
            }
            or None,
            "stop": list(asked.stops) or None,
            "deadline": self._deadline(),
        }

    def _deadline(self) -> float | None:
        """Seconds that a server may take. It takes no 0, and has a limit of its own."""
        seconds = self._asked.deadline
        if seconds is None or seconds >= _LONGEST_DEADLINE:
            return None
        return max(seconds, _SHORTEST_DEADLINE)

    def _picture(self, image: ImageSource) -> str:
        """The data URI.

        Our own server gets a file as it is. Others get the picture at the size that the encoder is
        to see: whatever their own way to resize, a picture of that size stays as it is.
        """
        if self._model.own and not self._task.enlarges_small_pictures:
            data = _encoded(image)
            if data is not None:
                return _uri(data)
        if self._model.own:
            picture, self._size = picture_for(image, self._task)
            return _uri(png(picture))
        pixels = pixels_for(image, self._task, self._pixels)
        self._size, self._resized = pixels.image_size, pixels.size
        return _uri(png(Image.fromarray(pixels.values)))

    def _own_result(self, more: dict[str, Any]) -> Result:
        width, height = self._size if self._size[0] else more["image_size"]
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
            tag=self._asked.tag,
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
        if not all(map(math.isfinite, logprobs)):
            logprobs = ()
        fits = bool(logprobs) and end == len(text.encode())
        reason = choice.get("finish_reason")
        return Result(
            text=text,
            finish_reason=reason if reason in {"length", "deadline"} else "stop",
            confidence=mean_probability(logprobs),
            task=self._task.name,
            image_size=self._size,
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
            tag=self._asked.tag,
        )


def _encoded(image: ImageSource) -> bytes | None:
    """The bytes of a picture that is encoded in a common way already; None for others.

    What cannot be read, or is too large, is left to `load_image`, which says why.
    """
    if isinstance(image, bytes | bytearray | memoryview):
        data = bytes(image)
    elif isinstance(image, str | os.PathLike):
        try:
            with Path(image).open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError):
            return None
    else:
        return None
    return data if data.startswith(_MAGIC) and len(data) <= MAX_FILE_BYTES else None


def png(picture: Image.Image) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _uri(data: bytes) -> str:
    # What kind it is shows in its first bytes; some servers look at the name all the same.
    kind = "jpeg" if data.startswith(b"\xff\xd8\xff") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
