# SPDX-License-Identifier: Apache-2.0
"""Which type a tensor gets: the table, its exceptions, and what does not fit."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ppocrvl.errors import OptionError
from ppocrvl.quantizer.plan import PlannedTensor, plan_tensors, substitutes
from ppocrvl.quantizer.schemes import (
    LLM_SCHEMES,
    MMPROJ_SCHEMES,
    ModelShape,
    find_scheme,
    fitting_type,
    padded_width,
    wanted_type,
)

OFFICIAL = ModelShape(n_layer=18, group=8)


@dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    type: str = "BF16"


def planned(tensor: Tensor, scheme: str, **keep: str) -> PlannedTensor:
    kept = {pattern.replace("_dot_", "."): kind for pattern, kind in keep.items()}
    return plan_tensors([tensor], MMPROJ_SCHEMES[scheme], ModelShape(), kept)[0]


def types_of_layers(scheme: str, tensor: str) -> list[str | None]:
    rule = LLM_SCHEMES[scheme]
    names = [f"blk.{layer}.{tensor}.weight" for layer in range(18)]
    return [wanted_type(name, 2, 1024, rule, OFFICIAL) for name in names]


def test_some_layers_get_more_bits() -> None:
    down = types_of_layers("Q4_K_M", "ffn_down")
    assert [i for i, kind in enumerate(down) if kind == "Q6_K"] == [0, 1, 4, 7, 10, 13, 15, 16, 17]
    assert set(down) == {"Q6_K", "Q4_K"}
    assert set(types_of_layers("Q4_K_M", "ffn_up")) == {"Q4_K"}
    assert types_of_layers("Q4_K_M", "attn_qkv") == types_of_layers("Q4_K_M", "attn_v")
    assert types_of_layers("Q3_K_M", "attn_v")[:3] == ["Q5_K", "Q5_K", "Q4_K"]


def test_value_heads_that_many_share_get_more_bits() -> None:
    name, scheme = "blk.3.attn_v.weight", LLM_SCHEMES["Q2_K"]
    assert wanted_type(name, 2, 1024, scheme, OFFICIAL) == "Q4_K"
    assert wanted_type(name, 2, 1024, scheme, ModelShape(n_layer=18, group=2)) == "Q3_K"


@pytest.mark.parametrize(("scheme", "head"), [("Q8_0", "Q8_0"), ("Q4_K_M", "Q6_K"), ("F16", "F16")])
def test_the_output_head(scheme: str, head: str) -> None:
    rule = LLM_SCHEMES[scheme]
    assert wanted_type("output.weight", 2, 1024, rule, OFFICIAL) == head
    tied = ModelShape(n_layer=18, group=8, is_tied=True)
    assert wanted_type("token_embd.weight", 2, 1024, rule, tied) == head
    assert wanted_type("token_embd.weight", 2, 1024, rule, OFFICIAL) == rule.base


@pytest.mark.parametrize(
    "name",
    [
        "output_norm.weight",
        "blk.0.attn_norm.weight",
        "v.patch_embd.weight",
        "v.position_embd.weight",
        "v.blk.0.ln1.weight",
        "mm.input_norm.weight",
        "v.blk.0.attn_q.bias",
    ],
)
def test_what_is_never_quantized(name: str) -> None:
    assert wanted_type(name, 2, 1024, LLM_SCHEMES["Q4_0"], OFFICIAL) is None
    assert wanted_type("mm.1.weight", 1, 1024, MMPROJ_SCHEMES["Q4_0"], ModelShape()) is None


@pytest.mark.parametrize(
    ("wanted", "row", "got"),
    [
        ("Q4_K", 1024, "Q4_K"),
        ("Q4_K", 1152, "Q5_0"),
        ("Q5_K", 1152, "Q5_1"),
        ("Q6_K", 1152, "Q8_0"),
        ("Q2_K", 1152, "Q4_0"),
        ("IQ4_XS", 1152, "IQ4_NL"),
        ("Q8_0", 4304, "F16"),
        ("Q4_K", 4304, "F16"),
    ],
)
def test_rows_that_the_blocks_do_not_divide(wanted: str, row: int, got: str) -> None:
    assert fitting_type(wanted, row) == got


def test_the_official_width_is_padded_to_the_next_block() -> None:
    assert padded_width(4304, MMPROJ_SCHEMES["Q8_0"]) == 4320
    assert padded_width(4304, MMPROJ_SCHEMES["Q4_K"]) == 4352
    assert padded_width(4304, MMPROJ_SCHEMES["BF16"]) == 4304
    assert padded_width(4352, MMPROJ_SCHEMES["Q4_K"]) == 4352
    up = planned(Tensor("v.blk.3.ffn_up.weight", (1152, 4304)), "Q8_0")
    assert (up.shape, up.type, up.n_bytes) == ((1152, 4320), "Q8_0", 4320 * 1152 // 32 * 34)
    bias = planned(Tensor("v.blk.3.ffn_up.bias", (4304,), "F32"), "Q8_0")
    assert (bias.shape, bias.type) == ((4320,), "F32")
    down = planned(Tensor("v.blk.3.ffn_down.weight", (4304, 1152)), "Q4_K")
    assert (down.shape, down.type) == ((4352, 1152), "Q4_K")
    other = planned(Tensor("v.blk.3.ffn_down.bias", (1152,), "F32"), "Q4_K")
    assert other.shape == (1152,)


def test_substitutes_are_counted() -> None:
    tensors = [Tensor(f"v.blk.{layer}.attn_q.weight", (1152, 1152)) for layer in range(3)]
    found = plan_tensors(tensors, MMPROJ_SCHEMES["Q4_K"], ModelShape())
    assert substitutes(found) == {("v.blk.*.attn_q.weight", 1152, "Q4_K", "Q5_0"): 3}


def test_kept_types_come_first() -> None:
    tensor = Tensor("v.blk.0.attn_q.weight", (1152, 1152))
    assert planned(tensor, "Q4_0", **{"v_dot_blk_dot_*": "q8_0"}).type == "Q8_0"
    assert planned(tensor, "Q4_0", **{"*": "Q8_0", "*attn_q*": "F16"}).type == "F16"
    for kind, reason in (
        ("Q4_K", "rows of 1152 elements"),
        ("Q9_Z", "no type to keep"),
        ("IQ2_XXS", "no type to keep"),  # needs an importance matrix
        ("I32", "no type to keep"),
    ):
        with pytest.raises(OptionError, match=reason):
            planned(tensor, "Q4_0", **{"*": kind})
    for name in ("mm.1.bias", "v.blk.0.ln1.weight", "v.patch_embd.weight"):
        vector = Tensor(name, (1024,), "F32")
        assert planned(vector, "Q4_0", **{"*": "Q8_0"}).type == "F32"


def test_names_in_any_case() -> None:
    assert find_scheme("q4_k_m", LLM_SCHEMES, "llm") is LLM_SCHEMES["Q4_K_M"]
    with pytest.raises(OptionError, match="llm 'Q4' is no quantization; choose from F32, F16"):
        find_scheme("Q4", LLM_SCHEMES, "llm")
