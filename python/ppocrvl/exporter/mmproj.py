# SPDX-License-Identifier: Apache-2.0
"""The metadata of the mmproj file, in the order in which upstream's converter writes them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import gguf

from ppocrvl.exporter.metadata import Provenance, add_file_type, finish_metadata, start_metadata

if TYPE_CHECKING:
    from ppocrvl.exporter.checkpoint import Checkpoint
    from ppocrvl.exporter.encode import FileType
    from ppocrvl.exporter.preprocessor import Preprocessor


def mmproj_metadata(
    checkpoint: Checkpoint,
    preprocessor: Preprocessor,
    file_type: FileType,
    name: str | None,
    provenance: Provenance,
) -> gguf.GGUFWriter:
    """Everything of the mmproj file but its tensors.

    Raises:
        CheckpointError: The model card cannot be used.
    """
    vision = checkpoint.config.vision
    writer = start_metadata(
        "clip", gguf.GGUFType.MMPROJ, checkpoint.folder, name, checkpoint.mmproj
    )
    add_file_type(writer, file_type)
    writer.add_clip_has_vision_encoder(value=True)
    writer.add_vision_projection_dim(checkpoint.config.text.hidden_size)
    # llama.cpp wants the key, but sizes pictures of this projector by the pixel limits.
    writer.add_vision_image_size(math.isqrt(preprocessor.max_pixels))
    writer.add_vision_patch_size(vision.patch_size)
    writer.add_vision_embedding_length(vision.hidden_size)
    writer.add_vision_feed_forward_length(vision.intermediate_size)
    writer.add_vision_block_count(vision.num_hidden_layers)
    writer.add_vision_head_count(vision.num_attention_heads)
    writer.add_vision_image_mean(preprocessor.image_mean)
    writer.add_vision_image_std(preprocessor.image_std)
    writer.add_clip_projector_type("paddleocr")
    writer.add_vision_max_pixels(preprocessor.max_pixels)
    writer.add_vision_min_pixels(preprocessor.min_pixels)
    writer.add_vision_use_gelu(value=True)
    writer.add_vision_attention_layernorm_eps(vision.layer_norm_eps)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for task, (low, high) in preprocessor.task_pixels().items():
        writer.add_uint32(f"ppocrvl.task.{task}.min_pixels", low)
        writer.add_uint32(f"ppocrvl.task.{task}.max_pixels", high)
    finish_metadata(writer, provenance)
    return writer
