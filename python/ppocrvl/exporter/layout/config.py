# SPDX-License-Identifier: Apache-2.0
"""`config.json` of a PP-DocLayoutV3 or V2 checkpoint, as a checked dataclass.

transformers writes only what differs from its defaults, so each key has a default here: the
official model's value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ppocrvl.exporter.layout.official import LABELS, thresholds
from ppocrvl.exporter.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MODEL_TYPES = {"pp_doclayout_v3": 3, "pp_doclayout_v2": 2}
STRIDES = (8, 16, 32)
N_LEVELS = len(STRIDES)
N_STAGES = 4
# transformers' frozen batch norms of the backbone, and those of torch where no other is given.
BATCH_NORM_EPSILON = 1e-5

MAX_ELEMENTS = 1 << 26
"""Of one map, of an attention's scores, or of the masks of all queries."""

_OURS = "ppocrvl_layout"
_GRAPH = "ppocrvl"
_MAX_LABELS = 256
_MAX_LABEL_LENGTH = 64


@dataclass(frozen=True, slots=True)
class BackboneConfig:
    """HGNetV2; channels, and one entry for each of the four stages."""

    stem_channels: tuple[int, ...]
    stage_mid_channels: tuple[int, ...]
    stage_out_channels: tuple[int, ...]
    stage_num_blocks: tuple[int, ...]
    stage_num_layers: tuple[int, ...]
    stage_kernel_size: tuple[int, ...]
    stage_light_block: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """The hybrid encoder.

    Attributes:
        csp_dim: Channels inside the CSP blocks.
        temperature: Of the position embedding; None: there is none.
    """

    dim: int
    csp_dim: int
    num_layers: int
    num_heads: int
    ffn_dim: int
    temperature: int | None


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """Query selection and decoder; `num_points` per level and head."""

    dim: int
    num_layers: int
    num_heads: int
    num_points: int
    ffn_dim: int
    num_queries: int


@dataclass(frozen=True, slots=True)
class MaskConfig:
    """The mask branch; `enhanced`: the decoder's first boxes are taken from masks."""

    enhanced: bool
    num_prototypes: int
    feature_channels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OrderConfig:
    """V2's order net.

    Attributes:
        token_ids: Word embeddings of start, query and end.
        pad_id: Positions are counted from the row after it.
        class_order: Of each detection class the row of the label embedding.
        thresholds: Of each detection class, from which score on a query takes part.
        relation_dim: Sines and cosines for each of four box coordinates.
    """

    dim: int
    num_layers: int
    num_heads: int
    ffn_dim: int
    coordinate_dim: int
    shape_dim: int
    num_coordinates: int
    num_positions: int
    num_words: int
    num_token_types: int
    num_classes: int
    token_ids: tuple[int, int, int]
    pad_id: int
    class_order: tuple[int, ...]
    thresholds: tuple[float, ...]
    relation_dim: int
    relation_theta: int
    relation_scale: float
    layer_norm_eps: float


@dataclass(frozen=True, slots=True)
class RegionOptions:
    """What a file may ask of the step from boxes to regions; see docs/layout-format.md."""

    snap_to_ink: bool
    cover_ink: bool
    only_found_vote: bool
    order_columns: bool
    nms_iou: float | None


@dataclass(frozen=True, slots=True)
class InputConfig:
    """The picture that the model gets.

    Attributes:
        mean: Of values in 0..1, like `std`.
        halves: Whether large pages are halved before they are resized.
    """

    width: int
    height: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    halves: bool

    def map_size(self, stride: int) -> tuple[int, int]:
        """(width, height) of a feature map."""
        return self.width // stride, self.height // stride

    @property
    def num_anchors(self) -> int:
        """Positions of all levels together."""
        return sum(self.width // s * (self.height // s) for s in STRIDES)


@dataclass(frozen=True, slots=True)
class LayoutConfig:
    """What the exporter needs to know of a layout checkpoint.

    Attributes:
        version: 3 or 2.
        thresholds: Of each class.
        mask: None: there is no mask branch, or it is not to be used.
        order: V2's order net, else None.
    """

    version: int
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    input: InputConfig
    backbone: BackboneConfig
    encoder: EncoderConfig
    decoder: DecoderConfig
    pointer_dim: int
    mask: MaskConfig | None
    order: OrderConfig | None
    region: RegionOptions
    batch_norm_eps: float
    layer_norm_eps: float


def is_layout(data: Mapping[str, Any]) -> bool:
    """Whether the parsed `config.json` is that of a layout model."""
    return data.get("model_type") in MODEL_TYPES


def parse_layout_config(
    data: Mapping[str, Any], path: str, preprocessor: Mapping[str, Any], preprocessor_path: str
) -> LayoutConfig:
    """Builds the configuration from the parsed `config.json` and `preprocessor_config.json`.

    Args:
        data: The JSON object of `config.json`.
        path: Named in error messages.
        preprocessor: The JSON object of `preprocessor_config.json`.
        preprocessor_path: Likewise.

    Raises:
        CheckpointError: Another architecture, a value of the wrong type or out of range, or a
            variant that our graph does not have.
    """
    section = Section(data, path)
    version = MODEL_TYPES.get(str(data.get("model_type")))
    if version is None:
        raise section.error(
            f"model_type is {data.get('model_type')!r}; a layout model's is one of "
            f"{', '.join(MODEL_TYPES)}"
        )
    ours = _subsection(section, data, path, _OURS)
    image = _input(Section(preprocessor, preprocessor_path), preprocessor, ours)
    labels = _labels(section, data, ours)
    backbone = _backbone(_subsection(section, data, path, "backbone_config"), version)
    encoder = _encoder(section, data)
    decoder = _decoder(section, encoder, image)
    anchor_size = data.get("anchor_image_size")
    if anchor_size is not None and anchor_size != [image.height, image.width]:
        raise section.error(
            f"anchor_image_size is {anchor_size!r}, but the preprocessor's height and width are "
            f"{[image.height, image.width]}"
        )
    order = None
    if version == 2:
        sub = _subsection(section, data, path, "reading_order_config")
        order = _order(sub, section, len(labels), decoder.num_queries)
        pointer = sub
    else:
        pointer = section
    config = LayoutConfig(
        version=version,
        labels=labels,
        thresholds=_thresholds(ours, version, labels),
        input=image,
        backbone=backbone,
        encoder=encoder,
        decoder=decoder,
        pointer_dim=pointer.integer("global_pointer_head_size", 1, 512, default=64),
        mask=_mask(section, ours, backbone) if version == 3 else None,
        order=order,
        region=RegionOptions(
            snap_to_ink=ours.flag("snap_to_ink", default=False),
            cover_ink=ours.flag("cover_ink", default=False),
            only_found_vote=ours.flag("only_found_vote", default=False),
            order_columns=ours.flag("order_columns", default=False),
            nms_iou=None if not ours.has("nms_iou") else ours.real("nms_iou", 0, 1),
        ),
        batch_norm_eps=section.real("batch_norm_eps", 1e-12, 1, default=1e-5),
        layer_norm_eps=section.real("layer_norm_eps", 1e-12, 1, default=1e-5),
    )
    for what, elements in _largest_tensors(config):
        if elements > MAX_ELEMENTS:
            raise section.error(
                f"{what} would have {elements} elements, more than {MAX_ELEMENTS}; the image of "
                f"{image.width} x {image.height} pixels is too large for it"
            )
    return config


# The ranges below are those of csrc/files/layout_check.cpp: what is exported loads.


def _largest_tensors(config: LayoutConfig) -> Iterator[tuple[str, int]]:
    """What the graph allocates, in elements."""
    image, backbone, encoder = config.input, config.backbone, config.encoder

    def positions(stride: int) -> int:
        return image.width // stride * (image.height // stride)

    yield "the stem", 2 * backbone.stem_channels[1] * positions(2)
    n_in = backbone.stem_channels[2]
    for stage, n_out in enumerate(backbone.stage_out_channels):
        inner = backbone.stage_num_layers[stage] * backbone.stage_mid_channels[stage]
        yield "a stage of the backbone", (max(n_in, n_out) + inner) * positions(4 << stage)
        n_in = n_out
    tokens = positions(STRIDES[-1])
    yield "the encoder", 2 * (encoder.dim + encoder.csp_dim) * positions(STRIDES[0])
    yield "the encoder's attention", tokens * tokens * encoder.num_heads
    yield "the encoder's FFN", tokens * encoder.ffn_dim
    yield "the memory of the decoder", image.num_anchors * config.decoder.dim
    yield "the class scores", image.num_anchors * len(config.labels)
    if config.mask is not None:
        widest = max(
            *config.mask.feature_channels, config.mask.num_prototypes, config.decoder.num_queries
        )
        yield "the masks", widest * positions(4)


def _subsection(section: Section, data: Mapping[str, Any], path: str, key: str) -> Section:
    value = data.get(key)
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise section.error(f"{key} must be an object, found {value!r}")
    return Section(value, path, f"{key}.")


def _input(section: Section, data: Mapping[str, Any], ours: Section) -> InputConfig:
    size = data.get("size", {"height": 800, "width": 800})
    if not isinstance(size, dict):
        raise section.error(f"size must be an object with height and width, found {size!r}")
    sides = Section(size, section.path, "size.")
    for key, wanted in (("do_resize", True), ("do_rescale", True), ("resample", 3)):
        section.require(key, wanted, _GRAPH)
    if abs(section.real("rescale_factor", 0, 1, default=1 / 255) - 1 / 255) > 1e-9:
        raise section.error("rescale_factor must be 1/255")
    normalize = section.flag("do_normalize", default=True)
    mean = section.reals("image_mean", 3, -1e3, 1e3, default=(0.0, 0.0, 0.0))
    std = section.reals("image_std", 3, 1e-6, 1e3, default=(1.0, 1.0, 1.0))
    image = InputConfig(
        width=sides.integer("width", 64, 2048),
        height=sides.integer("height", 64, 2048),
        mean=mean if normalize else (0.0, 0.0, 0.0),
        std=std if normalize else (1.0, 1.0, 1.0),
        halves=ours.flag("halve", default=False),
    )
    if image.width % STRIDES[-1] or image.height % STRIDES[-1]:
        raise section.error(
            f"size {image.width} x {image.height} is not a multiple of {STRIDES[-1]}"
        )
    return image


def _labels(section: Section, data: Mapping[str, Any], ours: Section) -> tuple[str, ...]:
    names: tuple[Any, ...] | None = ours.strings("labels") if ours.has("labels") else None
    mapping = data.get("id2label")
    if names is None and isinstance(mapping, dict):
        count = len(mapping)
        if set(mapping) != {str(i) for i in range(count)}:
            raise section.error(f"id2label must have the keys 0 to {count - 1}")
        names = tuple(mapping[str(i)] for i in range(count))
        # The hub's files have one name for several classes; a checkpoint of random weights has
        # transformers' LABEL_0 and so on.
        if count == len(LABELS) and (
            len(set(map(str, names))) < count or names == tuple(f"LABEL_{i}" for i in range(count))
        ):
            names = LABELS
    if names is None:
        raise section.error("id2label is missing; take the original config.json")
    if not 1 <= len(names) <= _MAX_LABELS or len(set(map(str, names))) < len(names):
        raise section.error(
            f"id2label must name 1 to {_MAX_LABELS} classes, no two alike; {_OURS}.labels may name "
            "them"
        )
    for name in names:
        if not isinstance(name, str) or not name.isprintable() or not _is_short(name):
            raise section.error(f"{name!r} cannot be the name of a class")
    return names


def _is_short(name: str) -> bool:
    return 1 <= len(name) <= _MAX_LABEL_LENGTH


def _thresholds(ours: Section, version: int, labels: tuple[str, ...]) -> tuple[float, ...]:
    if ours.length("thresholds") == 1:
        return ours.reals("thresholds", 1, 0, 1, default=None) * len(labels)
    return ours.reals("thresholds", len(labels), 0, 1, default=thresholds(version, labels))


def _backbone(section: Section, version: int) -> BackboneConfig:
    section.require("model_type", "hgnet_v2", _GRAPH)
    section.require("hidden_act", "relu", _GRAPH)
    section.require("use_learnable_affine_block", wanted=False, runner=_GRAPH)
    section.require("stem_strides", [2, 1, 1, 2, 1], _GRAPH)
    section.require("stage_downsample", [False, True, True, True], _GRAPH)
    section.require("stage_downsample_strides", [2, 2, 2, 2], _GRAPH)
    stages = [f"stage{i}" for i in range(1 if version == 3 else 2, N_STAGES + 1)]
    section.require("out_features", stages, _GRAPH)
    stem = section.integers("stem_channels", 3, 1, 1024, default=(3, 32, 48))
    out = section.integers("stage_out_channels", N_STAGES, 2, 4096, default=(128, 512, 1024, 2048))
    section.require("stage_in_channels", [stem[2], *out[:-1]], _GRAPH)
    kernels = section.integers("stage_kernel_size", N_STAGES, 3, 7, default=(3, 3, 5, 5))
    if stem[0] != 3 or stem[1] % 2 or any(channels % 2 for channels in out):
        raise section.error(
            f"stem_channels {list(stem)} must begin with 3 and an even number, and "
            f"stage_out_channels {list(out)} be even"
        )
    if any(size % 2 == 0 for size in kernels):
        raise section.error(f"stage_kernel_size {list(kernels)} must be odd")
    return BackboneConfig(
        stem_channels=stem,
        stage_mid_channels=section.integers(
            "stage_mid_channels", N_STAGES, 1, 1024, default=(48, 96, 192, 384)
        ),
        stage_out_channels=out,
        stage_num_blocks=section.integers("stage_num_blocks", N_STAGES, 1, 8, default=(1, 1, 3, 1)),
        stage_num_layers=section.integers(
            "stage_numb_of_layers", N_STAGES, 1, 16, default=(6, 6, 6, 6)
        ),
        stage_kernel_size=kernels,
        stage_light_block=section.flags(
            "stage_light_block", N_STAGES, default=(False, False, True, True)
        ),
    )


def _encoder(section: Section, data: Mapping[str, Any]) -> EncoderConfig:
    for key, wanted in (
        ("encoder_activation_function", "gelu"),
        ("activation_function", "silu"),
        ("normalize_before", False),
        ("encode_proj_layers", [N_LEVELS - 1]),
        ("feat_strides", list(STRIDES)),
        ("num_feature_levels", N_LEVELS),
    ):
        section.require(key, wanted, _GRAPH)
    section.integers("encoder_in_channels", N_LEVELS, 1, 4096, default=(512, 1024, 2048))
    dim = section.integer("encoder_hidden_dim", 4, 1024, default=256)
    expansion = section.real("hidden_expansion", 1e-3, 4, default=1.0)
    csp_dim = int(dim * expansion)
    heads = section.integer("encoder_attention_heads", 1, 32, default=8)
    if dim % 4 or dim % heads:
        raise section.error(
            f"encoder_hidden_dim {dim} must be a multiple of 4 and of its {heads} heads"
        )
    if not 1 <= csp_dim <= 2048:
        raise section.error(f"hidden_expansion {expansion} gives {csp_dim} channels")
    return EncoderConfig(
        dim=dim,
        csp_dim=csp_dim,
        num_layers=section.integer("encoder_layers", 1, 8, default=1),
        num_heads=heads,
        ffn_dim=section.integer("encoder_ffn_dim", 1, 8192, default=1024),
        temperature=section.integer("positional_encoding_temperature", 1, 10**9, default=10000)
        if data.get("eval_size") is None
        else None,
    )


def _decoder(section: Section, encoder: EncoderConfig, image: InputConfig) -> DecoderConfig:
    section.require("decoder_activation_function", "relu", _GRAPH)
    section.require("learn_initial_query", wanted=False, runner=_GRAPH)
    dim = section.integer("d_model", 1, 1024, default=256)
    heads = section.integer("decoder_attention_heads", 1, 32, default=8)
    channels = section.integers("decoder_in_channels", N_LEVELS, 1, 4096, default=(256,) * N_LEVELS)
    if channels != (encoder.dim,) * N_LEVELS:
        raise section.error(
            f"decoder_in_channels is {list(channels)}, but encoder_hidden_dim {encoder.dim}"
        )
    if dim % heads:
        raise section.error(f"d_model {dim} is not a multiple of its {heads} heads")
    queries = section.integer("num_queries", 1, 1000, default=300)
    if queries > image.num_anchors:
        raise section.error(f"num_queries {queries} is above the {image.num_anchors} anchors")
    return DecoderConfig(
        dim=dim,
        num_layers=section.integer("decoder_layers", 1, 16, default=6),
        num_heads=heads,
        num_points=section.integer("decoder_n_points", 1, 16, default=4),
        ffn_dim=section.integer("decoder_ffn_dim", 1, 8192, default=1024),
        num_queries=queries,
    )


def _mask(section: Section, ours: Section, backbone: BackboneConfig) -> MaskConfig | None:
    enhanced = section.flag("mask_enhanced", default=True)
    if not ours.flag("masks", default=True):
        if enhanced:
            raise section.error(
                f"mask_enhanced is true, so the model needs the masks that {_OURS}.masks switches "
                "off"
            )
        return None
    x4 = section.integer("x4_feat_dim", 1, 4096, default=128)
    if x4 != backbone.stage_out_channels[0]:
        raise section.error(
            f"x4_feat_dim is {x4}, but the first stage has {backbone.stage_out_channels[0]} "
            "channels"
        )
    return MaskConfig(
        enhanced=enhanced,
        num_prototypes=section.integer("num_prototypes", 1, 256, default=32),
        feature_channels=section.integers("mask_feature_channels", 2, 1, 1024, default=(64, 64)),
    )


def _order(section: Section, model: Section, num_labels: int, num_queries: int) -> OrderConfig:
    section.require("hidden_act", "gelu", _GRAPH)
    section.require("has_spatial_attention_bias", wanted=True, runner=_GRAPH)
    dim = section.integer("hidden_size", 1, 2048, default=512)
    heads = section.integer("num_attention_heads", 1, 32, default=8)
    if dim % heads:
        raise section.error(f"hidden_size {dim} is not a multiple of its {heads} heads")
    words = section.integer("vocab_size", 1, 1 << 16, default=4)
    classes = section.integer("num_classes", 1, _MAX_LABELS, default=20)
    positions = section.integer("max_position_embeddings", 1, 1 << 16, default=514)
    pad = section.integer("pad_token_id", 0, words - 1, default=1)
    if positions < pad + 1 + num_queries + 2:
        raise section.error(
            f"max_position_embeddings {positions} do not suffice for {num_queries} queries"
        )
    relation = section.integer("relation_bias_embed_dim", 2, 128, default=16)
    if relation % 2:
        raise section.error(f"relation_bias_embed_dim {relation} must be even")
    return OrderConfig(
        dim=dim,
        num_layers=section.integer("num_hidden_layers", 1, 24, default=6),
        num_heads=heads,
        ffn_dim=section.integer("intermediate_size", 1, 8192, default=2048),
        coordinate_dim=section.integer("coordinate_size", 1, 1024, default=171),
        shape_dim=section.integer("shape_size", 1, 1024, default=170),
        num_coordinates=section.integer("max_2d_position_embeddings", 1024, 4096, default=1024),
        num_positions=positions,
        num_words=words,
        num_token_types=section.integer("type_vocab_size", 1, 256, default=1),
        num_classes=classes,
        token_ids=(
            section.integer("start_token_id", 0, words - 1, default=0),
            section.integer("pred_token_id", 0, words - 1, default=3),
            section.integer("end_token_id", 0, words - 1, default=2),
        ),
        pad_id=pad,
        class_order=model.integers("class_order", num_labels, 0, classes - 1),
        thresholds=model.reals("class_thresholds", num_labels, 0, 1, default=None),
        relation_dim=relation,
        relation_theta=section.integer("relation_bias_theta", 1, 10**9, default=10000),
        relation_scale=section.real("relation_bias_scale", 1e-3, 1e6, default=100.0),
        layer_norm_eps=section.real("layer_norm_eps", 1e-12, 1, default=1e-5),
    )
