# SPDX-License-Identifier: Apache-2.0
"""The memory that reading one image needs, on a CPU.

Weights and the key/value cache are exact: the tensors' bytes, and two vectors of all key/value
heads for each layer and token (F16, or F32 for an f32 file), in a context rounded up to 256 tokens.
csrc/engine/memory_need.cpp has the formulas; an engine asks them whether a GPU has enough memory.

The rest is an estimate. Its terms follow from which tensors of a graph are alive at once, and were
fitted to the buffer sizes that llama.cpp reports for synthetic models of three widths (encoder 192,
576 and 1152; decoder 256, 512 and 1024) in three types:

* encoder, per patch: the FFN's hidden row, four rows of the embedding's width, and 16 floats; exact
  for the official widths, up to 35 % too high for others; or, where that is more, six rows of the
  embedding's width and the attention scores of one slice of the queries (csrc/mtmd/paddleocr.cpp);
* matrix products of types other than F32 convert their input first: per patch, an FFN row of 16-bit
  numbers;
* the image, per pixel: 3 bytes, and three float copies of 3 channels; the embeddings made of it;
* decoder, per token of a batch of 256: two FFN rows and seven rows of the embedding's width (up to
  25 % too high), and 2 bytes of attention mask per token of context. An f32 file runs without flash
  attention: a float for each head and token of context instead, and one more;
* the vocabulary: 165 bytes per token; process and fixed buffers: 45 MB (Python, numpy, Pillow, the
  libraries).

Against what encoding an image adds to the resident size (official widths, 3 layers, bf16, Linux):
5,032 patches: 267 MB estimated, 267 MB measured; 8,100 patches: 430 MB, 410 MB; the same as f32,
5,032 patches: 223 MB, 213 MB. `precision="exact"` adds the largest matrix in f32, 85 MB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ppocrvl.errors import OptionError
from ppocrvl.images.resize import smart_resize
from ppocrvl.inspection.model_files import LlmSizes, VisionSizes
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.inspection.model_files import ModelPart

_Sizes = TypeVar("_Sizes", LlmSizes, VisionSizes)

_MERGE = 2
_CONTEXT_STEP = 256
# Markers, "OCR:" and the turn's end; task prompts differ by a few tokens.
_PROMPT_TOKENS = 16
_VOCABULARY_BYTES = 165
_PROCESS_BYTES = 45_000_000


@dataclass(frozen=True, slots=True)
class RunMemory:
    """Memory of a run, in bytes; a part that is not there counts as 0.

    Attributes:
        image_size: (width, height) of the image, pixels.
        resized: (width, height) at which the encoder sees it.
        image_tokens: merged patches.
        max_tokens: limit of the answer.
        context_tokens: tokens that the KV cache has cells for.
        llm_weights: tensor data of the LLM file.
        mmproj_weights: tensor data of the mmproj file.
        kv_cache: keys and values.
        encoder_compute: buffers of the vision encoder.
        decoder_compute: buffers of the language model.
        process: the program itself, and the vocabulary.
    """

    image_size: tuple[int, int]
    resized: tuple[int, int]
    image_tokens: int
    max_tokens: int
    context_tokens: int
    llm_weights: int
    mmproj_weights: int
    kv_cache: int
    encoder_compute: int
    decoder_compute: int
    process: int

    @property
    def total(self) -> int:
        """Sum of all bytes."""
        return (
            self.llm_weights
            + self.mmproj_weights
            + self.kv_cache
            + self.encoder_compute
            + self.decoder_compute
            + self.process
        )


def check_request(image_size: tuple[int, int], max_tokens: int) -> None:
    """Refuse an image or an answer of no size.

    Raises:
        OptionError: `max_tokens` or a side is not positive.
    """
    if max_tokens < 1 or min(image_size) < 1:
        raise OptionError("the image's sides and max_tokens must be at least 1")


def run_memory(
    parts: Sequence[ModelPart], image_size: tuple[int, int], max_tokens: int
) -> RunMemory | None:
    """Estimates the memory of one request, or None where the files do not tell enough.

    Raises:
        ImageTooThinError: one side is over 200 times the other.
    """
    vision_part, vision = _first(parts, VisionSizes)
    llm_part, llm = _first(parts, LlmSizes)
    if vision_part is None or vision is None or llm_part is None or llm is None:
        return None
    width, height = image_size
    new_height, new_width = smart_resize(
        height,
        width,
        factor=vision.patch_size * _MERGE,
        min_pixels=vision.min_pixels,
        max_pixels=vision.max_pixels,
    )
    n_patches = (new_height // vision.patch_size) * (new_width // vision.patch_size)
    image_tokens = n_patches // _MERGE**2
    n_tokens = image_tokens + _PROMPT_TOKENS + max_tokens
    kv_cache, decoder_compute = _native.llm_memory(
        n_tokens,
        n_layer=llm.n_layer,
        n_embd=llm.n_embd,
        n_ff=llm.n_ff,
        n_head=llm.n_head,
        n_head_kv=llm.n_head_kv,
        head_dim=llm.head_dim,
        n_vocab=llm.n_vocab,
        is_f32=_is_f32(llm_part),
    )
    encoder_compute = _native.encoder_memory(
        n_patches,
        n_layer=vision.n_layer,
        n_embd=vision.n_embd,
        n_head=vision.n_head,
        n_ff=vision.n_ff,
        n_embd_out=vision.n_embd_out,
        patch_size=vision.patch_size,
        is_f32=_is_f32(vision_part),
    )
    return RunMemory(
        image_size=image_size,
        resized=(new_width, new_height),
        image_tokens=image_tokens,
        max_tokens=max_tokens,
        context_tokens=-(-n_tokens // _CONTEXT_STEP) * _CONTEXT_STEP,
        llm_weights=llm_part.n_bytes,
        mmproj_weights=vision_part.n_bytes,
        kv_cache=kv_cache,
        encoder_compute=encoder_compute,
        decoder_compute=decoder_compute,
        process=_PROCESS_BYTES + _VOCABULARY_BYTES * llm.n_vocab,
    )


def _first(
    parts: Sequence[ModelPart], kind: type[_Sizes]
) -> tuple[ModelPart | None, _Sizes | None]:
    """The first part with sizes of this kind."""
    for part in parts:
        if isinstance(part.sizes, kind):
            return part, part.sizes
    return None, None


def _is_f32(part: ModelPart) -> bool:
    return all(tensor.type == "F32" for tensor in part.tensors)
