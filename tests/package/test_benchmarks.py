# SPDX-License-Identifier: Apache-2.0
"""The side-by-side benchmark judges by its figures, and asks the same of every program."""

from __future__ import annotations

from typing import Any

import pytest

from cases import CASES, OURS
from figures import Figures
from flame import draw, stacks, tree
from goals import GIB, Goal, goals
from peer_llama_server import encode_intervals
from peer_mtmd_cli import parse
from report import token_lines, workload_lines
from roofline import decode_bytes, prefill_flops
from workloads import WORKLOADS, image_tokens, make_pictures

BLOCK = {"prompt_tokens": 20, "tokens": 64}


def run(seconds: float, encode: float, peak: float = 1.0) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "encode": encode,
        "peak": peak * GIB,
        "load": 1.0,
        "answers": [BLOCK] * 2,
    }


def goal(values: dict[str, Any], text: str) -> Goal:
    (found,) = [one for one in goals(values) if one.text.startswith(text)]
    return found


def test_goals_are_judged_by_medians() -> None:
    values = {
        "b|ppocrvl|bf16|4": [run(10, 6), run(30, 6), run(12, 6)],
        "b|llama-server|bf16|4": [run(18, 10), run(11, 10), run(12, 4)],
    }
    assert goal(values, "(b) against llama-server, bf16").is_reached is True  # 12 / 12
    rest = goal(values, "(b) everything but encoding against llama-server, bf16")
    assert (rest.measured, rest.is_reached) == ("1.33 x (8 / 6)", True)
    values["b|ppocrvl|bf16|4"][0] = run(13, 6)
    assert goal(values, "(b) against llama-server, bf16").is_reached is False


def test_memory_is_the_largest_and_bounded() -> None:
    values = {"b|ppocrvl|balanced|4": [run(1, 1, 1.2), run(1, 1, 1.4), run(1, 1, 1.1)]}
    found = goal(values, "(b) peak memory, balanced")
    assert (found.measured, found.is_reached) == ("1.40 GiB", False)


def test_what_was_not_measured_is_no_success() -> None:
    assert {one.is_reached for one in goals({})} == {None}


def test_decoding_together_counts_all_sequences() -> None:
    values = {
        "g|ppocrvl|bf16|1": [{"seconds": 2.0, "answers": [BLOCK]}],
        "g|ppocrvl|bf16|8": [{"seconds": 5.0, "answers": [BLOCK] * 8}],
    }
    assert goal(values, "decoding of 8 sequences together against one, bf16").measured.startswith(
        "3.20 x"
    )


def test_growth_is_relative_to_the_first_requests() -> None:
    extra = {
        "resident_early": 100,
        "resident_late": 103,
        "latency_early": 2.0,
        "latency_late": 2.0,
    }
    values = {"f|ppocrvl|built-in|1": [{"seconds": 1.0, "answers": [], "extra": extra}]}
    assert goal(values, "(f) growth").is_reached is False
    assert goal(values, "(f) latency").is_reached is True


def test_tables_show_ratios_to_ours_and_unequal_tokens() -> None:
    values = {
        "a|ppocrvl|bf16|1": [run(2, 1)],
        "a|llama-server|bf16|1": [run(5, 3)],
    }
    text = "\n".join(workload_lines(values))
    assert "| llama-server | bf16 | 1 | 1 | 5.00 | 2.50 x | 3.00 | 2.00 | 1024 |" in text
    assert "the same in every program: 40" in text
    values["a|llama-server|bf16|1"][0]["answers"] = [{**BLOCK, "prompt_tokens": 21}]
    assert "differ" in token_lines(values, WORKLOADS["a"])[0]


def test_every_program_reads_the_same_and_cases_are_distinct() -> None:
    assert len({case.key for case in CASES}) == len(CASES)
    for case in CASES:  # nothing has a peer without a figure of ours beside it
        assert any(c.program == OURS and c.workload == case.workload for c in CASES)


@pytest.mark.parametrize(("letter", "tokens"), [("a", 205), ("c", 1260), ("d", 12 * 64)])
def test_pictures_have_known_tokens(letter: str, tokens: int) -> None:
    assert sum(image_tokens(size) for size in WORKLOADS[letter].sizes) == tokens


def test_crops_need_no_resizing() -> None:
    for letter in "bd":
        for width, height in WORKLOADS[letter].sizes:
            assert image_tokens((width, height)) == width * height // 784


def test_pictures_differ_and_are_kept(tmp_path: Any) -> None:
    found = make_pictures(WORKLOADS["b"], tmp_path)
    assert len({path.read_bytes() for path in found}) == len(found) == 17
    before = found[3].stat().st_mtime_ns
    assert make_pictures(WORKLOADS["b"], tmp_path)[3].stat().st_mtime_ns == before


def test_figures_survive_an_interruption(tmp_path: Any) -> None:
    Figures(tmp_path / "f.json", fresh=False)["a"] = [1]
    assert Figures(tmp_path / "f.json", fresh=False).values == {"a": [1]}
    assert Figures(tmp_path / "f.json", fresh=True).values == {}


def test_encoding_is_read_from_the_servers_log() -> None:
    log = """0.59.900.000 I slot process_mtmd: id  1 | task 0 | encoding mtmd batch from idx = 5
1.01.150.500 I decoding image batch 1/2, n_tokens_batch = 205
1.01.200.000 I decoding image batch 2/2, n_tokens_batch = 205
"""
    assert encode_intervals(log) == [pytest.approx(1.2505)]


def test_the_command_lines_log_is_split() -> None:
    log = """0.01.000.000 I encoding mtmd batch, n_chunks = 1 (done = 1, total = 3)
0.03.000.000 I mtmd batch encoding done in 2000 ms
0.05.000.000 I llama_perf_context_print:        load time =      86.21 ms
0.05.000.001 I llama_perf_context_print: prompt eval time =    2780.29 ms /   217 tokens ( 12.81
0.05.000.002 I llama_perf_context_print:        eval time =     1500.00 ms /    15 runs   ( 8.04
"""
    (answer,) = parse(log)["answers"]
    assert answer["tokens"] == 16
    assert answer["prompt_tokens"] == 217
    assert answer["prefill"] == pytest.approx(0.5)
    (answer,) = parse(log.replace("1500.00 ms /    15", "0.00 ms /    1"))["answers"]
    assert answer["tokens"] == 1


def test_work_of_the_stages() -> None:
    work: Any = {
        "block_parameters": 10,
        "output_parameters": 5,
        "step_bytes": 100,
        "kv_bytes": 2,
        "attention": 3,
    }
    assert prefill_flops(work, 4) == 2 * 10 * 4 + 2 * 16 * 3 + 2 * 5
    # Two steps for three tokens; each reads the weights and two caches of 10 + 1.5 tokens.
    assert decode_bytes(work, 10, 3, sequences=2) == 2 * (100 + 2 * 11.5 * 2)


def test_flame_graph_puts_stacks_together() -> None:
    listing = """python
\t  11 ns::(anonymous namespace)::Panel<ns::A<int> >::attend (/lib/_native.so)
\t  22 main_loop(int) (/lib/_native.so)
\tffffffffffffffff [unknown] ([unknown])

python
\t  33 PyEval_Call (/usr/lib/libpython3.11.so.1.0)
\t  44 PyEval_Frame (/usr/lib/libpython3.11.so.1.0)

python
\t  22 main_loop(int) (/lib/_native.so)

"""
    found = list(stacks(listing))
    assert found == [["main_loop", "ns::Panel::attend"], ["Python"], ["main_loop"]]
    root = tree(found)
    assert root.called["main_loop"].samples == 2
    assert root.called["main_loop"].called["ns::Panel::attend"].samples == 1
    picture = draw(root, "a < b")
    assert "main_loop, 66.7%" in picture
    assert "a &lt; b" in picture
    assert "%" not in picture.split("y=")[1][:8]
