# SPDX-License-Identifier: Apache-2.0
"""The table of a layout file's tensors: name, shape, type rule, and how each is computed.

Names of the checkpoint are those of transformers' modules; `module_name` brings the names that
`save_pretrained` writes to that form. docs/layout-format.md says what each tensor means.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from ppocrvl.exporter.layout.config import (
    BATCH_NORM_EPSILON,
    N_LEVELS,
    STRIDES,
    BackboneConfig,
    LayoutConfig,
    MaskConfig,
    OrderConfig,
)
from ppocrvl.exporter.layout.constants import (
    Array,
    anchors,
    position_embedding,
    relation_frequencies,
)
from ppocrvl.exporter.layout.fold import Norm, centred, scale_and_shift
from ppocrvl.exporter.tensor_spec import TensorSpec, TypeRule

if TYPE_CHECKING:
    from collections.abc import Iterable

Shape: TypeAlias = tuple[int, ...]


class Values(Protocol):
    """Reads the checkpoint's tensors in float64."""

    def rows(self, name: str, first: int, count: int) -> Array:
        """`count` rows from row `first` on."""
        ...

    def whole(self, name: str) -> Array:
        """A small tensor."""
        ...


Compute: TypeAlias = Callable[[Values, int, int], Array]


@dataclass(frozen=True, slots=True)
class LayoutSpec:
    """One tensor of the file.

    Attributes:
        spec: Name, shape (row-major) and type rule; `source` is named in error messages.
        sources: Shape by name of the checkpoint's tensors that it is computed from.
        compute: Gives `count` rows from row `first` on, in any shape of as many elements.
        fallbacks: Names to take where the name of a source is absent: tied tensors.
    """

    spec: TensorSpec
    sources: Mapping[str, Shape]
    compute: Compute
    fallbacks: Mapping[str, str]


_RENAMES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # transformers 5.23.0, conversion_mapping.py ("rt_detr")
        (r"\.out_proj\.", ".o_proj."),
        (r"\.layers\.(\d+)\.fc([12])\.", r".layers.\1.mlp.fc\2."),
        (r"^model\.encoder\.encoder\.", "model.encoder.aifi."),
    )
)
# Used in training alone, or in no forward pass.
_DEAD = re.compile(
    r".*\.num_batches_tracked$"
    r"|model\.denoising_class_embed\."
    r"|reading_order\.encoder\.rel_pos_[xy]_bias\."
    r"|reading_order\.embeddings\.position_ids$"
)
_MASK_BRANCH = re.compile(
    r"model\.(encoder\.(mask_feature_head|encoder_mask_lateral|encoder_mask_output)|mask_query_head)\."
)
_PER_LAYER = re.compile(r"model\.(decoder_order_head|decoder\.class_embed)\.(\d+)\.")
# V3's heads of encoder and decoder: if one is absent, it is the other one.
_TIED = {
    "model.decoder.class_embed.": "model.enc_score_head.",
    "model.enc_score_head.": "model.decoder.class_embed.",
    "model.decoder.bbox_embed.": "model.enc_bbox_head.",
    "model.enc_bbox_head.": "model.decoder.bbox_embed.",
}


def module_name(name: str) -> str:
    """The name of transformers' module for a tensor as `save_pretrained` names it."""
    for pattern, replacement in _RENAMES:
        name = pattern.sub(replacement, name, count=1)
    return name


def is_dead(name: str, config: LayoutConfig) -> bool:
    """Whether inference never reads the tensor with this module name."""
    if _DEAD.match(name):
        return True
    if config.version == 3 and config.mask is None and _MASK_BRANCH.match(name):
        return True
    per_layer = _PER_LAYER.match(name)
    return per_layer is not None and int(per_layer[2]) < config.decoder.num_layers - 1


def layout_tensors(config: LayoutConfig) -> list[LayoutSpec]:
    """All tensors of the file, in order of the computation."""
    table = _Table()
    _add_backbone(table, config.backbone)
    _add_encoder(table, config)
    if config.mask is not None:
        _add_masks(table, config, config.mask)
    _add_query_selection(table, config)
    _add_decoder(table, config)
    if config.order is not None:
        _add_order_net(table, config, config.order)
    return table.specs


# Names of a convolution and its batch norm beneath their module.
_BACKBONE = ("convolution", "normalization")
_ENCODER = ("conv", "norm")
_SEQUENTIAL = ("0", "1")


@dataclass(frozen=True, slots=True)
class _Branch:
    """A convolution without bias and its batch norm."""

    conv: str
    norm: Norm
    shape: Shape

    @staticmethod
    def of(module: str, names: tuple[str, str], shape: Shape, epsilon: float) -> _Branch:
        return _Branch(f"{module}.{names[0]}.weight", Norm(f"{module}.{names[1]}", epsilon), shape)

    @property
    def sources(self) -> dict[str, Shape]:
        return {self.conv: self.shape, **dict.fromkeys(self.norm.names, self.shape[:1])}


class _Table:
    def __init__(self) -> None:
        self.specs: list[LayoutSpec] = []

    def add(
        self,
        target: str,
        shape: Shape,
        rule: TypeRule,
        sources: Mapping[str, Shape],
        compute: Compute,
    ) -> None:
        fallbacks = {
            name: tied + name.removeprefix(prefix)
            for name in sources
            for prefix, tied in _TIED.items()
            if name.startswith(prefix)
        }
        source = next(iter(sources), target)
        self.specs.append(
            LayoutSpec(TensorSpec(source, target, shape, rule), sources, compute, fallbacks)
        )

    def constant(self, target: str, values: Callable[[], Array], shape: Shape) -> None:
        def compute(_: Values, first: int, count: int) -> Array:
            return values()[first : first + count]

        self.add(target, shape, TypeRule.FLOAT, {}, compute)

    def copy(
        self,
        target: str,
        source: str,
        shape: Shape,
        rule: TypeRule = TypeRule.FLOAT,
        *,
        stored: Shape | None = None,
        skip: int = 0,
    ) -> None:
        """The stored tensor, or its rows from `skip` on; `stored` is its shape if not `shape`."""

        def compute(values: Values, first: int, count: int) -> Array:
            return values.rows(source, skip + first, count)

        self.add(target, shape, rule, {source: stored or shape}, compute)

    def linear(
        self,
        target: str,
        source: str,
        shape: Shape,
        rule: TypeRule = TypeRule.FLOAT,
        *,
        stored: Shape | None = None,
    ) -> None:
        """A layer with bias; `shape` is (outputs, inputs)."""
        self.copy(f"{target}.weight", f"{source}.weight", shape, rule, stored=stored)
        self.copy(f"{target}.bias", f"{source}.bias", shape[:1])

    def layer_norm(self, target: str, source: str, width: int) -> None:
        for part in ("weight", "bias"):
            self.copy(f"{target}.{part}", f"{source}.{part}", (width,))

    def mlp(self, target: str, source: str, widths: Shape) -> None:
        """A prediction head of several layers."""
        for i, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
            self.linear(f"{target}.{i}", f"{source}.layers.{i}", (n_out, n_in))

    def conv(
        self,
        target: str,
        module: str,
        shape: Shape,
        *,
        names: tuple[str, str] = _ENCODER,
        epsilon: float = BATCH_NORM_EPSILON,
        depthwise: bool = False,
    ) -> None:
        """A convolution and its batch norm; `shape` is (out, in, kernel, kernel)."""
        branches = [_Branch.of(module, names, shape, epsilon)]
        self.folded(target, branches, TypeRule.FLOAT if depthwise else TypeRule.MATRIX)

    def folded(
        self, target: str, branches: list[_Branch], rule: TypeRule = TypeRule.MATRIX
    ) -> None:
        """The sum of branches as one convolution, of the first one's kernel size."""
        n_out, n_in, *kernel = branches[0].shape
        sources = {name: shape for branch in branches for name, shape in branch.sources.items()}

        def weight(values: Values, first: int, count: int) -> Array:
            parts = []
            for branch in branches:
                scale, _ = scale_and_shift(values, branch.norm)
                rows = values.rows(branch.conv, first, count)
                rows = centred(rows.reshape(count, *branch.shape[1:]), kernel[0])
                parts.append(rows * scale[first : first + count, None, None, None])
            return sum(parts[1:], start=parts[0])

        def bias(values: Values, first: int, count: int) -> Array:
            shifts = [scale_and_shift(values, branch.norm)[1] for branch in branches]
            return sum(shifts[1:], start=shifts[0])[first : first + count]

        self.add(
            f"{target}.weight",
            (n_out, n_in * kernel[0] * kernel[1]),
            rule,
            sources,
            weight,
        )
        norms = {name: (n_out,) for branch in branches for name in branch.norm.names}
        self.add(f"{target}.bias", (n_out,), TypeRule.FLOAT, norms, bias)


def _add_backbone(table: _Table, backbone: BackboneConfig) -> None:
    source = "model.backbone.model"
    n_in, stem, width = backbone.stem_channels
    for name, shape in (
        ("stem1", (stem, n_in, 3, 3)),
        ("stem2a", (stem // 2, stem, 2, 2)),
        ("stem2b", (stem, stem // 2, 2, 2)),
        ("stem3", (stem, 2 * stem, 3, 3)),
        ("stem4", (width, stem, 1, 1)),
    ):
        table.conv(f"backbone.{name}", f"{source}.embedder.{name}", shape, names=_BACKBONE)
    for stage, n_out in enumerate(backbone.stage_out_channels):
        path = f"{source}.encoder.stages.{stage}"
        if stage > 0:
            table.conv(
                f"backbone.{stage}.down",
                f"{path}.downsample",
                (width, 1, 3, 3),
                names=_BACKBONE,
                depthwise=True,
            )
        for block in range(backbone.stage_num_blocks[stage]):
            _add_block(table, backbone, (stage, block), width)
            width = n_out


def _add_block(table: _Table, backbone: BackboneConfig, place: tuple[int, int], n_in: int) -> None:
    stage, block = place
    mid = backbone.stage_mid_channels[stage]
    n_out = backbone.stage_out_channels[stage]
    n_layers = backbone.stage_num_layers[stage]
    k = backbone.stage_kernel_size[stage]
    path = f"model.backbone.model.encoder.stages.{stage}.blocks.{block}"
    target = f"backbone.{stage}.{block}"
    for layer in range(n_layers):
        width = n_in if layer == 0 else mid
        name, source = f"{target}.{layer}", f"{path}.layers.{layer}"
        if backbone.stage_light_block[stage]:
            table.conv(f"{name}.point", f"{source}.conv1", (mid, width, 1, 1), names=_BACKBONE)
            shape = (mid, 1, k, k)
            table.conv(f"{name}.depth", f"{source}.conv2", shape, names=_BACKBONE, depthwise=True)
        else:
            table.conv(f"{name}.conv", source, (mid, width, k, k), names=_BACKBONE)
    total = n_in + n_layers * mid
    squeeze, excite = (n_out // 2, total, 1, 1), (n_out, n_out // 2, 1, 1)
    table.conv(f"{target}.squeeze", f"{path}.aggregation.0", squeeze, names=_BACKBONE)
    table.conv(f"{target}.excite", f"{path}.aggregation.1", excite, names=_BACKBONE)


def _add_attention(table: _Table, target: str, source: str, width: int, rule: TypeRule) -> None:
    for name, module in (("q", "q_proj"), ("k", "k_proj"), ("v", "v_proj"), ("out", "o_proj")):
        table.linear(f"{target}.attn_{name}", f"{source}.{module}", (width, width), rule)


def _add_encoder(table: _Table, config: LayoutConfig) -> None:
    encoder, epsilon = config.encoder, config.batch_norm_eps
    dim, csp = encoder.dim, encoder.csp_dim
    for level in range(N_LEVELS):
        shape = (dim, config.backbone.stage_out_channels[level + 1], 1, 1)
        table.conv(
            f"enc.proj.{level}", f"model.encoder_input_proj.{level}", shape, names=_SEQUENTIAL
        )
    width, height = config.input.map_size(STRIDES[-1])
    table.constant(
        "enc.pos_embd",
        lambda: position_embedding(width, height, dim, encoder.temperature),
        (width * height, dim),
    )
    for layer in range(encoder.num_layers):
        target, source = f"enc.aifi.{layer}", f"model.encoder.aifi.0.layers.{layer}"
        _add_attention(table, target, f"{source}.self_attn", dim, TypeRule.MATRIX)
        table.layer_norm(f"{target}.attn_norm", f"{source}.self_attn_layer_norm", dim)
        up, down = (encoder.ffn_dim, dim), (dim, encoder.ffn_dim)
        table.linear(f"{target}.ffn_up", f"{source}.mlp.fc1", up, TypeRule.MATRIX)
        table.linear(f"{target}.ffn_down", f"{source}.mlp.fc2", down, TypeRule.MATRIX)
        table.layer_norm(f"{target}.ffn_norm", f"{source}.final_layer_norm", dim)
    for names, kernel in ((("lateral", "fpn"), 1), (("down", "pan"), 3)):
        modules = {"lateral": "lateral_convs", "down": "downsample_convs"}
        for i in range(N_LEVELS - 1):
            table.conv(
                f"enc.{names[0]}.{i}",
                f"model.encoder.{modules[names[0]]}.{i}",
                (dim, dim, kernel, kernel),
                epsilon=epsilon,
            )
            block = f"model.encoder.{names[1]}_blocks.{i}"
            _add_csp_block(table, f"enc.{names[1]}.{i}", block, (dim, csp), epsilon)


def _add_csp_block(
    table: _Table, target: str, source: str, widths: tuple[int, int], epsilon: float
) -> None:
    dim, csp = widths
    for name in ("conv1", "conv2"):
        shape = (csp, 2 * dim, 1, 1)
        table.conv(f"{target}.{name}", f"{source}.{name}", shape, epsilon=epsilon)
    for i in range(3):
        path = f"{source}.bottlenecks.{i}"
        table.folded(
            f"{target}.rep.{i}",
            [
                _Branch.of(f"{path}.conv1", _ENCODER, (csp, csp, 3, 3), epsilon),
                _Branch.of(f"{path}.conv2", _ENCODER, (csp, csp, 1, 1), epsilon),
            ],
        )
    if csp != dim:
        table.conv(f"{target}.conv3", f"{source}.conv3", (dim, csp, 1, 1), epsilon=epsilon)


def _add_masks(table: _Table, config: LayoutConfig, mask: MaskConfig) -> None:
    dim = config.encoder.dim
    inner, outer = mask.feature_channels
    head = "model.encoder.mask_feature_head"
    output = "model.encoder.encoder_mask_output"
    for target, module, shape in (
        # Between two convolutions of a scale head stands an enlargement, which is a module too.
        ("fpn.0.0", f"{head}.scale_heads.0.layers.0", (inner, dim, 3, 3)),
        ("fpn.1.0", f"{head}.scale_heads.1.layers.0", (inner, dim, 3, 3)),
        ("fpn.2.0", f"{head}.scale_heads.2.layers.0", (inner, dim, 3, 3)),
        ("fpn.2.1", f"{head}.scale_heads.2.layers.2", (inner, inner, 3, 3)),
        ("fpn_out", f"{head}.output_conv", (outer, inner, 3, 3)),
        (
            "lateral",
            "model.encoder.encoder_mask_lateral",
            (outer, config.backbone.stage_out_channels[0], 3, 3),
        ),
        ("base", f"{output}.base_conv", (outer, outer, 3, 3)),
    ):
        table.conv(f"mask.{target}", module, shape, names=_BACKBONE)
    prototypes = mask.num_prototypes
    table.linear(
        "mask.prototypes",
        f"{output}.conv",
        (prototypes, outer),
        TypeRule.MATRIX,
        stored=(prototypes, outer, 1, 1),
    )


def _add_query_selection(table: _Table, config: LayoutConfig) -> None:
    dim, n_labels = config.decoder.dim, len(config.labels)
    for level in range(N_LEVELS):
        table.conv(
            f"dec.proj.{level}",
            f"model.decoder_input_proj.{level}",
            (dim, config.encoder.dim, 1, 1),
            names=_SEQUENTIAL,
            epsilon=config.batch_norm_eps,
        )
    count = config.input.num_anchors
    table.constant("dec.anchors", lambda: anchors(config.input)[0], (count, 4))
    table.constant("dec.anchors_valid", lambda: anchors(config.input)[1], (count, 1))
    table.linear("dec.memory", "model.enc_output.0", (dim, dim))
    table.layer_norm("dec.memory_norm", "model.enc_output.1", dim)
    table.linear("dec.enc_class", "model.enc_score_head", (n_labels, dim))
    table.mlp("dec.enc_box", "model.enc_bbox_head", (dim, dim, dim, 4))


def _add_decoder(table: _Table, config: LayoutConfig) -> None:
    decoder, dim = config.decoder, config.decoder.dim
    n_points = decoder.num_heads * N_LEVELS * decoder.num_points
    table.mlp("dec.query_pos", "model.decoder.query_pos_head", (4, 2 * dim, dim))
    for layer in range(decoder.num_layers):
        target, source = f"dec.{layer}", f"model.decoder.layers.{layer}"
        _add_attention(table, target, f"{source}.self_attn", dim, TypeRule.FLOAT)
        table.layer_norm(f"{target}.attn_norm", f"{source}.self_attn_layer_norm", dim)
        cross = f"{source}.encoder_attn"
        table.linear(f"{target}.cross_offsets", f"{cross}.sampling_offsets", (2 * n_points, dim))
        table.linear(f"{target}.cross_weights", f"{cross}.attention_weights", (n_points, dim))
        table.linear(f"{target}.cross_value", f"{cross}.value_proj", (dim, dim))
        table.linear(f"{target}.cross_out", f"{cross}.output_proj", (dim, dim))
        table.layer_norm(f"{target}.cross_norm", f"{source}.encoder_attn_layer_norm", dim)
        table.linear(f"{target}.ffn_up", f"{source}.mlp.fc1", (decoder.ffn_dim, dim))
        table.linear(f"{target}.ffn_down", f"{source}.mlp.fc2", (dim, decoder.ffn_dim))
        table.layer_norm(f"{target}.ffn_norm", f"{source}.final_layer_norm", dim)
        if config.version == 2:
            box = f"model.decoder.bbox_embed.{layer}"
            table.mlp(f"{target}.box", box, (dim, dim, dim, 4))
    last = decoder.num_layers - 1
    labels = (len(config.labels), dim)
    if config.version == 2:
        table.linear("dec.class", f"model.decoder.class_embed.{last}", labels)
        return
    table.layer_norm("dec.norm", "model.decoder_norm", dim)
    table.linear("dec.class", "model.decoder.class_embed", labels)
    table.mlp("dec.box", "model.decoder.bbox_embed", (dim, dim, dim, 4))
    if config.mask is not None:
        widths = (dim, dim, dim, config.mask.num_prototypes)
        table.mlp("mask.query", "model.mask_query_head", widths)
    table.linear("order.head", f"model.decoder_order_head.{last}", (dim, dim))
    pointer = (2 * config.pointer_dim, dim)
    table.linear("order.pointer", "model.decoder_global_pointer.dense", pointer)


def _add_order_net(table: _Table, config: LayoutConfig, order: OrderConfig) -> None:
    dim, source = order.dim, "reading_order"
    embeddings = f"{source}.embeddings"
    _add_token_embeddings(table, order, embeddings)
    table.copy(
        "order.pos_embd",
        f"{embeddings}.position_embeddings.weight",
        (config.decoder.num_queries + 2, dim),
        stored=(order.num_positions, dim),
        skip=order.pad_id + 1,
    )
    _add_label_embeddings(table, order)
    for axis, width in (
        ("x", order.coordinate_dim),
        ("y", order.coordinate_dim),
        ("w", order.shape_dim),
        ("h", order.shape_dim),
    ):
        table.copy(
            f"order.{axis}_embd",
            f"{embeddings}.{axis}_position_embeddings.weight",
            (order.num_coordinates, width),
        )
    spatial = (dim, 4 * order.coordinate_dim + 2 * order.shape_dim)
    table.linear("order.spatial", f"{embeddings}.spatial_proj", spatial, TypeRule.MATRIX)
    table.layer_norm("order.embd_norm", f"{embeddings}.norm", dim)
    relation = (order.num_heads, 4 * order.relation_dim)
    table.linear(
        "order.relation",
        f"{source}.encoder.rel_bias_module.pos_proj",
        relation,
        stored=(*relation, 1, 1),
    )
    table.constant(
        "order.relation_freq",
        lambda: relation_frequencies(order.relation_dim, order.relation_theta),
        (order.relation_dim // 2,),
    )
    for layer in range(order.num_layers):
        target, path = f"order.{layer}", f"{source}.encoder.layer.{layer}"
        for name, module in (
            ("attn_q", "attention.self.query"),
            ("attn_k", "attention.self.key"),
            ("attn_v", "attention.self.value"),
            ("attn_out", "attention.output.dense"),
        ):
            table.linear(f"{target}.{name}", f"{path}.{module}", (dim, dim), TypeRule.MATRIX)
        table.layer_norm(f"{target}.attn_norm", f"{path}.attention.output.norm", dim)
        up, down = (order.ffn_dim, dim), (dim, order.ffn_dim)
        table.linear(f"{target}.ffn_up", f"{path}.intermediate.dense", up, TypeRule.MATRIX)
        table.linear(f"{target}.ffn_down", f"{path}.output.dense", down, TypeRule.MATRIX)
        table.layer_norm(f"{target}.ffn_norm", f"{path}.output.norm", dim)
    pointer = (2 * config.pointer_dim, dim)
    table.linear("order.pointer", f"{source}.relative_head.dense", pointer)


def _add_token_embeddings(table: _Table, order: OrderConfig, embeddings: str) -> None:
    words = f"{embeddings}.word_embeddings.weight"
    types = f"{embeddings}.token_type_embeddings.weight"
    positions = f"{embeddings}.position_embeddings.weight"

    def compute(values: Values, first: int, count: int) -> Array:
        ids = [*order.token_ids, order.pad_id]
        rows: Array = values.whole(words)[ids] + values.whole(types)[0]
        # Padding has one position, wherever it stands.
        rows[-1] += values.whole(positions)[order.pad_id]
        return rows[first : first + count]

    sources = {
        words: (order.num_words, order.dim),
        types: (order.num_token_types, order.dim),
        positions: (order.num_positions, order.dim),
    }
    table.add("order.token_embd", (4, order.dim), TypeRule.FLOAT, sources, compute)


def _add_label_embeddings(table: _Table, order: OrderConfig) -> None:
    labels = "reading_order.label_embeddings.weight"
    weight, bias = (f"reading_order.label_features_projection.{p}" for p in ("weight", "bias"))

    def compute(values: Values, first: int, count: int) -> Array:
        rows = values.whole(labels)[list(order.class_order[first : first + count])]
        projected: Array = rows @ values.whole(weight).T
        projected += values.whole(bias)
        return projected

    dim = order.dim
    sources = {labels: (order.num_classes, dim), weight: (dim, dim), bias: (dim,)}
    shape = (len(order.class_order), dim)
    table.add("order.label_embd", shape, TypeRule.FLOAT, sources, compute)


def needed_tensors(specs: Iterable[LayoutSpec]) -> dict[str, Shape]:
    """Shape by name of all tensors that the checkpoint must have."""
    return {name: shape for spec in specs for name, shape in spec.sources.items()}
