# SPDX-License-Identifier: Apache-2.0
"""`config.json` and `preprocessor_config.json` of layout models."""

from __future__ import annotations

from typing import Any

import pytest

from ppocrvl.errors import CheckpointError
from ppocrvl.exporter.layout.config import LayoutConfig, parse_layout_config
from ppocrvl.exporter.layout.official import LABELS

PREPROCESSOR = {"size": {"height": 800, "width": 800}}
V3 = {"model_type": "pp_doclayout_v3", "id2label": {str(i): name for i, name in enumerate(LABELS)}}
V2 = {
    **V3,
    "model_type": "pp_doclayout_v2",
    "class_order": [0] * 25,
    "class_thresholds": [0.5] * 25,
}


def parse(data: dict[str, Any], preprocessor: dict[str, Any] | None = None) -> LayoutConfig:
    return parse_layout_config(data, "config.json", preprocessor or PREPROCESSOR, "pre.json")


def test_absent_keys_mean_the_official_model() -> None:
    config = parse(V3)
    assert config.version == 3
    assert config.backbone.stage_out_channels == (128, 512, 1024, 2048)
    assert config.backbone.stage_light_block == (False, False, True, True)
    assert (config.encoder.dim, config.encoder.csp_dim, config.encoder.num_layers) == (256, 256, 1)
    assert (config.decoder.num_queries, config.decoder.num_layers) == (300, 6)
    assert config.input.num_anchors == 13_125
    assert config.mask is not None
    assert config.mask.enhanced
    assert config.order is None
    assert config.thresholds == (0.3,) * 25
    assert not config.input.halves
    assert not config.region.snap_to_ink
    assert not config.region.cover_ink
    assert not config.region.only_found_vote
    assert not config.region.order_columns
    assert config.region.nms_iou is None


def test_thresholds_of_v2_are_those_of_its_pipeline() -> None:
    by_label = dict(zip(LABELS, parse(V2).thresholds, strict=True))
    assert by_label["text"] == by_label["inline_formula"] == by_label["doc_title"] == 0.4
    assert by_label["seal"] == 0.45
    assert by_label["table"] == by_label["footer_image"] == 0.5


def test_official_order_of_labels() -> None:
    assert [LABELS[i] for i in (0, 5, 9, 15, 22, 23, 24)] == [
        "abstract",
        "display_formula",
        "footer_image",
        "inline_formula",
        "text",
        "vertical_text",
        "vision_footnote",
    ]


@pytest.mark.parametrize(
    "names",
    [
        [name.replace("display_", "").replace("inline_", "") for name in LABELS],
        [f"LABEL_{i}" for i in range(25)],
    ],
    ids=["collapsed", "unnamed"],
)
def test_names_that_tell_nothing_become_the_official_ones(names: list[str]) -> None:
    config = parse({**V3, "id2label": {str(i): name for i, name in enumerate(names)}})
    assert config.labels == LABELS


def test_other_names_are_kept() -> None:
    config = parse({**V3, "id2label": {"0": "page", "1": "stamp"}})
    assert config.labels == ("page", "stamp")
    assert config.thresholds == (0.3, 0.3)


def test_our_section() -> None:
    ours = {
        "labels": ["a", "b"],
        "thresholds": [0.4],
        "masks": False,
        "halve": True,
        "snap_to_ink": True,
        "cover_ink": True,
        "only_found_vote": True,
        "order_columns": True,
        "nms_iou": 0.5,
    }
    config = parse({**V3, "mask_enhanced": False, "ppocrvl_layout": ours})
    assert config.labels == ("a", "b")
    assert config.thresholds == (0.4, 0.4)
    assert config.mask is None
    assert config.input.halves
    assert config.region.snap_to_ink
    assert config.region.cover_ink
    assert config.region.only_found_vote
    assert config.region.order_columns
    assert config.region.nms_iou == 0.5


def test_no_normalisation() -> None:
    size = {"height": 96, "width": 64}
    values = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    config = parse(V3 | {"num_queries": 100}, {"size": size, **values, "do_normalize": False})
    assert config.input.mean == (0.0, 0.0, 0.0)
    assert config.input.std == (1.0, 1.0, 1.0)
    config = parse(V3 | {"num_queries": 100}, {"size": size, **values})
    assert config.input.mean == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model_type": "pp_doclayout_v4"}, "model_type is 'pp_doclayout_v4'"),
        ({"id2label": None}, "id2label is missing"),
        ({"id2label": {"0": "a", "2": "b"}}, "id2label must have the keys 0 to 1"),
        ({"id2label": {"0": "a", "1": "a"}}, "no two alike"),
        ({"id2label": {"0": "a\n"}}, "cannot be the name of a class"),
        ({"id2label": {"0": 7}}, "cannot be the name of a class"),
        ({"backbone_config": []}, "backbone_config must be an object"),
        ({"backbone_config": {"model_type": "resnet"}}, "backbone_config.model_type"),
        ({"backbone_config": {"use_learnable_affine_block": True}}, "use_learnable_affine_block"),
        ({"backbone_config": {"stage_kernel_size": [3, 3, 4, 5]}}, "must be odd"),
        ({"backbone_config": {"stem_channels": [1, 32, 48]}}, "stem_channels"),
        ({"backbone_config": {"stage_out_channels": [128, 512, 1024]}}, "must be 4 integers"),
        ({"backbone_config": {"stage_num_blocks": [1, 1, 10**9, 1]}}, "outside 1 to 8"),
        ({"encoder_hidden_dim": 250}, "multiple of 4 and of its 8 heads"),
        ({"hidden_expansion": float("nan")}, "hidden_expansion must be a number"),
        ({"normalize_before": True}, "normalize_before is True"),
        ({"d_model": 100}, "not a multiple of its 8 heads"),
        ({"learn_initial_query": True}, "learn_initial_query"),
        ({"num_feature_levels": 4}, "num_feature_levels"),
        ({"decoder_in_channels": [256, 256, 128]}, "decoder_in_channels"),
        ({"anchor_image_size": [640, 640]}, "anchor_image_size"),
        ({"num_queries": 10**6}, "num_queries is 1000000"),
        ({"x4_feat_dim": 64}, "x4_feat_dim is 64"),
        ({"mask_enhanced": 1}, "mask_enhanced must be true or false"),
        ({"ppocrvl_layout": {"masks": False}}, "mask_enhanced is true"),
        ({"ppocrvl_layout": {"thresholds": [0.1, 0.2]}}, "thresholds must be 25 numbers"),
        ({"ppocrvl_layout": {"labels": "text"}}, "labels must be a list of texts"),
        ({"ppocrvl_layout": {"nms_iou": 2}}, "nms_iou is 2"),
    ],
)
def test_what_cannot_be_exported(change: dict[str, Any], told: str) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json: ") as error:
        parse({**V3, **change})
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"class_order": None}, "class_order must be 25 integers"),
        ({"class_order": [20] * 25}, "class_order is 20"),
        ({"class_thresholds": None}, "class_thresholds must be 25 numbers"),
        ({"reading_order_config": {"hidden_act": "relu"}}, "reading_order_config.hidden_act"),
        ({"reading_order_config": {"hidden_size": 500}}, "not a multiple of its 8 heads"),
        ({"reading_order_config": {"max_position_embeddings": 303}}, "do not suffice"),
        ({"reading_order_config": {"end_token_id": 4}}, "end_token_id is 4"),
        ({"reading_order_config": {"relation_bias_embed_dim": 15}}, "must be even"),
        ({"reading_order_config": {"has_spatial_attention_bias": False}}, "spatial_attention_bias"),
    ],
)
def test_what_cannot_be_exported_of_v2(change: dict[str, Any], told: str) -> None:
    with pytest.raises(CheckpointError) as error:
        parse({**V2, **change})
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("preprocessor", "told"),
    [
        ({"size": 800}, "size must be an object"),
        ({"size": {"shortest_edge": 800}}, "size.width must be an integer"),
        ({"size": {"height": 800, "width": 810}}, "not a multiple of 32"),
        ({"size": {"height": 32, "width": 800}}, "size.height is 32"),
        ({**PREPROCESSOR, "resample": 2}, "resample is 2"),
        ({**PREPROCESSOR, "image_std": [0, 1, 1]}, "image_std is 0"),
        ({**PREPROCESSOR, "rescale_factor": 1}, "rescale_factor must be 1/255"),
    ],
)
def test_pixels_that_we_do_not_make(preprocessor: dict[str, Any], told: str) -> None:
    with pytest.raises(CheckpointError, match=r"pre\.json: ") as error:
        parse(V3, preprocessor)
    assert told in str(error.value)


def test_what_would_need_too_much_memory() -> None:
    with pytest.raises(CheckpointError, match="would have 109051904 elements, more than 67108864"):
        parse(V3, {"size": {"height": 2048, "width": 2048}})
    parse(V3, {"size": {"height": 1024, "width": 1280}})
