# SPDX-License-Identifier: Apache-2.0
"""The metadata of a layout file; docs/layout-format.md says what each key means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gguf

from ppocrvl.exporter.metadata import add_file_type, add_source, start_metadata

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ppocrvl.exporter.encode import FileType
    from ppocrvl.exporter.layout.config import LayoutConfig, OrderConfig
    from ppocrvl.exporter.layout.source import LayoutTensor

ARCHITECTURE = "ppdoclayout"
# Changes only when the bytes that the exporter writes change.
FORMAT_VERSION = 1


def layout_metadata(
    config: LayoutConfig,
    tensors: Sequence[LayoutTensor],
    file_type: FileType,
    folder: Path,
    *,
    name: str | None,
    source: tuple[str, str | None],
) -> gguf.GGUFWriter:
    """Everything of a layout file but its tensors.

    Args:
        config: Of the checkpoint.
        tensors: Counted for the size label.
        file_type: What was asked for.
        folder: The checkpoint, whose model card gives the licence.
        name: `general.name` instead of the folder's.
        source: SHA-256 of the weights, and the hub's commit if the user gives it.

    Raises:
        CheckpointError: The model card cannot be used.
    """
    writer = start_metadata(ARCHITECTURE, gguf.GGUFType.MODEL, folder, name, tensors)
    add_file_type(writer, file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_uint32("ppocrvl.format_version", FORMAT_VERSION)
    add_source(writer, *source)
    keys = _Keys(writer)
    keys.numbers(
        {
            "version": config.version,
            "image.width": config.input.width,
            "image.height": config.input.height,
            "image.mean": config.input.mean,
            "image.std": config.input.std,
        }
    )
    if config.input.halves:
        keys.flag("image.halve", value=True)
    keys.texts("labels", config.labels)
    backbone, encoder, decoder = config.backbone, config.encoder, config.decoder
    keys.numbers(
        {
            "thresholds": config.thresholds,
            "layer_norm_epsilon": config.layer_norm_eps,
            "backbone.stem_lengths": backbone.stem_channels,
            "backbone.stage_mid_lengths": backbone.stage_mid_channels,
            "backbone.stage_out_lengths": backbone.stage_out_channels,
            "backbone.stage_block_counts": backbone.stage_num_blocks,
            "backbone.stage_layer_counts": backbone.stage_num_layers,
            "backbone.stage_kernel_sizes": backbone.stage_kernel_size,
            "backbone.stage_light": tuple(map(int, backbone.stage_light_block)),
            "encoder.embedding_length": encoder.dim,
            "encoder.csp_length": encoder.csp_dim,
            "encoder.block_count": encoder.num_layers,
            "encoder.head_count": encoder.num_heads,
            "encoder.feed_forward_length": encoder.ffn_dim,
            "decoder.embedding_length": decoder.dim,
            "decoder.block_count": decoder.num_layers,
            "decoder.head_count": decoder.num_heads,
            "decoder.point_count": decoder.num_points,
            "decoder.feed_forward_length": decoder.ffn_dim,
            "decoder.query_count": decoder.num_queries,
            "order.pointer_length": config.pointer_dim,
        }
    )
    if config.version == 3:
        mask = config.mask
        keys.flag("mask.present", value=mask is not None)
        keys.flag("mask.enhanced", value=mask is not None and mask.enhanced)
        if mask is not None:
            keys.numbers(
                {
                    "mask.prototype_count": mask.num_prototypes,
                    "mask.feature_lengths": mask.feature_channels,
                }
            )
    if config.order is not None:
        _add_order(keys, config.order)
    region = config.region
    for option in ("snap_to_ink", "cover_ink", "only_found_vote", "order_columns"):
        if getattr(region, option):
            keys.flag(f"region.{option}", value=True)
    if region.nms_iou is not None:
        keys.numbers({"region.nms_iou": region.nms_iou})
    return writer


def _add_order(keys: _Keys, order: OrderConfig) -> None:
    keys.numbers(
        {
            "order.embedding_length": order.dim,
            "order.block_count": order.num_layers,
            "order.head_count": order.num_heads,
            "order.feed_forward_length": order.ffn_dim,
            "order.coordinate_length": order.coordinate_dim,
            "order.shape_length": order.shape_dim,
            "order.position_count": order.num_coordinates,
            "order.relation_length": order.relation_dim,
            "order.relation_scale": order.relation_scale,
            "order.layer_norm_epsilon": order.layer_norm_eps,
            "order.thresholds": order.thresholds,
        }
    )


class _Keys:
    """Writes keys of the architecture: integers as u32, other numbers as f32, lists as arrays."""

    def __init__(self, writer: gguf.GGUFWriter) -> None:
        self._writer = writer

    def numbers(self, values: dict[str, float | tuple[float, ...]]) -> None:
        for key, value in values.items():
            name = f"{ARCHITECTURE}.{key}"
            if isinstance(value, tuple):
                self._writer.add_array(name, list(value))
            elif isinstance(value, int):
                self._writer.add_uint32(name, value)
            else:
                self._writer.add_float32(name, value)

    def texts(self, key: str, values: tuple[str, ...]) -> None:
        self._writer.add_array(f"{ARCHITECTURE}.{key}", list(values))

    def flag(self, key: str, *, value: bool) -> None:
        self._writer.add_bool(f"{ARCHITECTURE}.{key}", value)
