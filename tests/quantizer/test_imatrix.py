# SPDX-License-Identifier: Apache-2.0
"""Importance matrices: what is collected, how it is stored, what it is good for, bad files."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from gguf import GGUFReader, GGUFWriter

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.errors import (
    ExitCode,
    ModelFormatError,
    ModelMismatchError,
    OptionError,
    OutputError,
    PpocrvlError,
)
from ppocrvl.images.pixels import pixels_for_model
from ppocrvl.quantizer.importance import (
    ImportanceFile,
    ImportanceMatrix,
    check_importance,
    read_importance,
)
from ppocrvl.quantizer.source import GgufSource
from ppocrvl.requests.tasks import TASKS
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    Numbers = npt.NDArray[Any]


def values(path: Path, name: str) -> npt.NDArray[np.float32]:
    """A tensor as float32 rows."""
    tensor = next(t for t in _native.read_gguf(str(path)).tensors if t.name == name)
    data = np.fromfile(path, np.uint8)[tensor.offset : tensor.offset + tensor.n_bytes]
    row = tensor.shape[0]
    rows = data.reshape(-1, _native.quantized_row_bytes(tensor.type, row))
    return _native.dequantize_rows(tensor.type, rows, row)


@pytest.fixture(scope="module")
def pictures(samples: Path) -> list[Path]:
    return sorted(samples.glob("*.png"))


@pytest.fixture(scope="module")
def importance(
    built_in: Path, pictures: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("imatrix") / "imatrix.gguf"
    ppocrvl.imatrix(built_in, pictures, path, max_tokens=200)
    return path


def first_inputs(built_in: Path, picture: Path, answer: list[int]) -> npt.NDArray[np.float64]:
    """What the first layer's queries, keys and values are products of: [tokens, columns].

    RMS norm of what the decoder is fed, times its weights.
    """
    llm = built_in / "tiny-BF16.gguf"
    with ppocrvl.Engine(built_in, kernels="ggml") as engine:  # as the sums are collected
        image = engine.embed(picture)
        ids = engine.prompt_tokens("OCR:", len(image), 1)
    token = max(set(ids), key=ids.count)  # the picture's
    first = ids.index(token)
    after = ids[first + len(image) :]
    table = values(llm, "token_embd.weight")
    fed = np.concatenate([table[ids[:first]], image, table[after + answer[:-1]]])
    eps = _native.read_gguf(str(llm)).metadata["paddleocr.attention.layer_norm_rms_epsilon"]
    assert isinstance(eps, float)
    normed = fed / np.sqrt(np.mean(fed.astype(np.float64) ** 2, axis=1, keepdims=True) + eps)
    normed *= values(llm, "blk.0.attn_norm.weight")[0]
    inputs: npt.NDArray[np.float64] = normed
    return inputs


def test_the_sums_are_those_of_the_inputs(built_in: Path, samples: Path) -> None:
    llm, mmproj = built_in / "tiny-BF16.gguf", built_in / "mmproj-tiny-BF16.gguf"
    forced = _native.TeacherForcing(llm=str(llm), mmproj=str(mmproj), collect=True)
    pixels = pixels_for_model(samples / "hello.png", TASKS["ocr"], forced.info).values
    answer = forced.answer_ids("Hello")
    forced.read(pixels, "OCR:", answer, keep_logits=False)
    squares, count = forced.sums()["blk.0.attn_q.weight"]
    inputs = first_inputs(built_in, samples / "hello.png", answer)
    assert count == len(inputs)
    assert squares == pytest.approx(np.sum(inputs**2, axis=0), rel=1e-4)


def test_told_its_own_answer_a_model_expects_it(built_in: Path, samples: Path) -> None:
    llm, mmproj = built_in / "tiny-BF16.gguf", built_in / "mmproj-tiny-BF16.gguf"
    forced = _native.TeacherForcing(llm=str(llm), mmproj=str(mmproj))
    with ppocrvl.Engine(built_in) as engine:
        result = engine.ocr(samples / "hello.png")
    answer = [*result.token_ids, *forced.answer_ids("")]
    pixels = pixels_for_model(samples / "hello.png", TASKS["ocr"], forced.info).values
    logits = forced.read(pixels, "OCR:", answer)
    assert logits.argmax(axis=1).tolist() == answer
    shifted = logits - logits.max(axis=1, keepdims=True)
    probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    found = probabilities[np.arange(len(answer)), answer]
    assert found[:-1] == pytest.approx(result.logprobs, abs=2e-2)
    for bad in ([], [-1], [forced.info.n_vocab]):
        with pytest.raises(OptionError, match="at least one token"):
            forced.read(pixels, "OCR:", bad)


def test_every_matrix_of_both_halves_is_there(built_in: Path, importance: Path) -> None:
    matrix = read_importance(importance)
    expected = {
        tensor.name: tensor.shape[0]
        for path in built_in.iterdir()
        for tensor in _native.read_gguf(str(path)).tensors
        if tensor.type == "BF16" and tensor.name != "token_embd.weight"  # which is looked up
    }
    assert {name: len(squares) for name, squares in matrix.squares.items()} == expected
    assert all(count > 100 for count in matrix.counts.values())
    assert _native.read_gguf(str(importance)).metadata["general.type"] == "imatrix"


def test_twice_gives_the_same_file(
    built_in: Path, samples: Path, tmp_path: Path, importance: Path
) -> None:
    for name in ("a", "b"):
        ppocrvl.imatrix(built_in, [samples / "hello.png"], tmp_path / name, n_threads=1)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    matrix = read_importance(importance)
    ImportanceFile(tmp_path / "again", matrix).write(tmp_path / "again", None)
    assert (tmp_path / "again").read_bytes() == importance.read_bytes()


def weighted_error(
    source: Path, result: Path, name: str, weights: npt.NDArray[np.float32]
) -> float:
    """Squared error of the outputs for inputs of these mean squares, if those are independent."""
    before, after = values(source, name), values(result, name)
    gap = after[: len(before), : before.shape[1]] - before
    return float(np.sum(gap.astype(np.float64) ** 2 * weights))


def test_it_helps_at_four_bits(built_in: Path, importance: Path, tmp_path: Path) -> None:
    """Of each half: the weighted error of every matrix, and the error of what comes out."""
    llm, mmproj = "Q4_K_M", "Q4_0"
    without = ppocrvl.quantize(built_in, tmp_path / "without", llm_type=llm, mmproj_type=mmproj)
    with_it = ppocrvl.quantize(
        built_in, tmp_path / "with", llm_type=llm, mmproj_type=mmproj, imatrix=importance
    )
    matrix = read_importance(importance)
    for role, source in (("llm", "tiny-BF16.gguf"), ("mmproj", "mmproj-tiny-BF16.gguf")):
        plain, weighed = getattr(without, role), getattr(with_it, role)
        sums = [0.0, 0.0]
        for tensor in weighed.tensors:
            weights = matrix.weights(tensor.name)
            assert (tensor.weighted_error is None) == (weights is None)
            if weights is None or tensor.type == tensor.source_type:
                continue
            errors = [
                weighted_error(built_in / source, file.path, tensor.name, weights)
                for file in (plain, weighed)
            ]
            norm = float(np.sum(values(built_in / source, tensor.name) ** 2 * weights))
            assert tensor.weighted_error == pytest.approx(np.sqrt(errors[1] / norm), rel=1e-3)
            assert errors[1] <= errors[0], tensor.name
            sums = [a + b for a, b in zip(sums, errors, strict=True)]
        assert sums[1] < 0.97 * sums[0], role


def test_outputs_are_nearer_with_it(
    built_in: Path, importance: Path, samples: Path, pictures: list[Path], tmp_path: Path
) -> None:
    def embedding_error(folder: Path) -> float:
        with ppocrvl.Engine(built_in) as before, ppocrvl.Engine(folder) as after:
            gaps = [after.embed(p) - before.embed(p) for p in pictures]
        return float(sum(np.sum(gap.astype(np.float64) ** 2) for gap in gaps))

    without, with_it = tmp_path / "without", tmp_path / "with"
    ppocrvl.quantize(built_in, without, llm_type="Q4_0", mmproj_type="Q4_0")
    ppocrvl.quantize(built_in, with_it, llm_type="Q4_0", mmproj_type="Q4_0", imatrix=importance)
    assert embedding_error(with_it) < 0.97 * embedding_error(without)
    inputs = first_inputs(built_in, samples / "hello.png", [2])

    def output_error(folder: Path) -> float:
        """Of q, k and v together: of one of them, on the inputs of one image, it may grow."""
        names = [f"blk.0.attn_{kind}.weight" for kind in ("q", "k", "v")]
        gaps = [
            values(folder / "tiny-Q4_0.gguf", name) - values(built_in / "tiny-BF16.gguf", name)
            for name in names
        ]
        return float(np.linalg.norm(inputs @ np.concatenate(gaps).T))

    assert output_error(with_it) < output_error(without)


@pytest.mark.parametrize("llm", ["Q2_K_S", "IQ2_XXS", "IQ3_XXS"])
def test_the_lowest_types_need_it(
    built_in: Path, importance: Path, samples: Path, tmp_path: Path, llm: str
) -> None:
    with pytest.raises(OptionError, match=f"llm {llm} needs an importance matrix: make one with"):
        ppocrvl.quantize(built_in, tmp_path / "out", llm_type=llm)
    assert not (tmp_path / "out").exists()
    ppocrvl.quantize(built_in, tmp_path / "out", llm_type=llm, imatrix=importance)
    with ppocrvl.Engine(tmp_path / "out") as engine:
        engine.ocr(samples / "hello.png", max_tokens=8)


def test_one_collected_on_padded_files_serves(
    built_in: Path, samples: Path, tmp_path: Path
) -> None:
    ppocrvl.quantize(built_in, tmp_path / "q8", llm_type="Q8_0", mmproj_type="Q8_0")
    path = tmp_path / "imatrix.gguf"
    matrix = ppocrvl.imatrix(tmp_path / "q8", [samples / "hello.png"], path)
    assert len(matrix.squares["v.blk.0.ffn_down.weight"]) == 1024
    result = ppocrvl.quantize(built_in, tmp_path / "out", mmproj_type="Q4_0", imatrix=path)
    down = next(t for t in result.mmproj.tensors if t.name == "v.blk.0.ffn_down.weight")
    assert down.weighted_error is not None


def edited(matrix: ImportanceMatrix, **squares: npt.NDArray[np.float32] | None) -> ImportanceMatrix:
    """A matrix without the model's fingerprint, as llama-imatrix writes, and with other entries."""
    changed = dict(matrix.squares)
    for key, value in squares.items():
        name = key.replace("_dot_", ".")
        changed.pop(name, None)
        if value is not None:
            changed[name] = value
    counts = {name: matrix.counts.get(name, 1) for name in changed}
    return ImportanceMatrix(changed, counts, matrix.datasets, matrix.n_chunks)


def test_one_without_our_keys_or_the_vision_side_serves(
    built_in: Path, importance: Path, tmp_path: Path
) -> None:
    """As llama-imatrix writes it."""
    matrix = read_importance(importance)
    vision = {name: None for name in matrix.squares if name.startswith(("v.", "mm."))}
    some = edited(matrix, **{name.replace(".", "_dot_"): None for name in vision})
    ImportanceFile(tmp_path / "llm.gguf", some).write(tmp_path / "llm.gguf", None)
    path = tmp_path / "llm.gguf"
    ours = ppocrvl.quantize(built_in, tmp_path / "a", llm_type="Q4_K_M", imatrix=path).llm.path
    full = ppocrvl.quantize(
        built_in, tmp_path / "b", llm_type="Q4_K_M", imatrix=importance
    ).llm.path
    assert ours.read_bytes()[-1_000_000:] == full.read_bytes()[-1_000_000:]


def test_that_of_another_model_is_refused(
    built_in: Path, importance: Path, deep: Path, samples: Path, tmp_path: Path
) -> None:
    def refusal(model: Path, path: Path) -> str:
        with pytest.raises(ModelMismatchError, match="the importance matrix of another model") as e:
            ppocrvl.quantize(model, tmp_path / "out", llm_type="Q4_0", imatrix=path)
        assert not (tmp_path / "out").exists()
        return str(e.value)

    assert "its norms differ" in refusal(deep, importance)
    other = tmp_path / "deep.gguf"
    ppocrvl.imatrix(deep, [samples / "hello.png"], other, max_tokens=4)
    assert "its norms differ" in refusal(built_in, other)
    matrix = read_importance(importance)
    path = tmp_path / "edited.gguf"
    wide = np.ones(300, np.float32)
    for change, reason in (
        ({"blk_dot_99_dot_attn_q_dot_weight": wide}, "there is no blk.99.attn_q.weight"),
        ({"blk_dot_0_dot_attn_q_dot_weight": wide}, "has 256 columns, not 300"),
        ({"blk_dot_0_dot_attn_q_dot_weight": None}, "it knows nothing of blk.0.attn_q.weight"),
    ):
        ImportanceFile(path, edited(matrix, **change)).write(path, None)
        assert reason in refusal(built_in, path)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"", "the file is empty"),
        (b"\x10\x00\x00\x00legacy imatrix.dat", "not a GGUF file"),
        ("half", "truncated"),
        ("model", "no importance matrix; make one with ppocrvl imatrix"),
        ("missing", "cannot"),
    ],
)
def test_bad_files(
    built_in: Path, importance: Path, tmp_path: Path, bad: bytes | str, reason: str
) -> None:
    path = tmp_path / "bad.gguf"
    data = importance.read_bytes()
    if bad == "model":
        path = built_in / "tiny-BF16.gguf"
    elif bad != "missing":
        path.write_bytes(data[: len(data) // 2] if isinstance(bad, str) else bad)
    with pytest.raises(ModelFormatError, match=reason) as error:
        ppocrvl.quantize(built_in, tmp_path / "out", imatrix=path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    assert not (tmp_path / "out").exists()


def rewritten(path: Path, source: Path, change: Callable[[str, Numbers], Numbers]) -> Path:
    """The tensors of an importance matrix, each as `change` makes it."""
    writer = GGUFWriter(path, "imatrix")
    for tensor in GGUFReader(source).tensors:
        writer.add_tensor(tensor.name, change(tensor.name, np.array(tensor.data)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize(
    ("end", "change", "reason"),
    [
        (".in_sum2", lambda values: values.astype(np.float16), "is F16, not F32"),
        (".counts", lambda values: values * np.float32(np.nan), "no whole count"),
        (".counts", lambda values: -values, "no whole count"),
        (".counts", lambda values: np.repeat(values, 2), "no whole count"),
    ],
    ids=["type", "nan", "negative", "two"],
)
def test_impossible_tensors(
    importance: Path,
    tmp_path: Path,
    end: str,
    change: Callable[[Numbers], Numbers],
    reason: str,
) -> None:
    path = rewritten(
        tmp_path / "bad.gguf",
        importance,
        lambda name, values: change(values) if name == f"blk.1.ffn_up.weight{end}" else values,
    )
    with pytest.raises(ModelFormatError, match=rf"bad\.gguf: blk\.1\.ffn_up\.weight.* {reason}"):
        read_importance(path)


@pytest.mark.parametrize("number", [np.nan, np.inf, -1.0, 3e38])
@pytest.mark.parametrize("llm", ["Q4_K_M", "IQ2_XS", "IQ1_S"])
def test_impossible_sums(
    built_in: Path, importance: Path, tmp_path: Path, number: float, llm: str
) -> None:
    matrix = read_importance(importance)
    values = np.full(256, number, np.float32)
    damaged = edited(matrix, blk_dot_1_dot_ffn_up_dot_weight=values)
    path = tmp_path / "bad.gguf"
    ImportanceFile(path, damaged).write(path, None)
    with pytest.raises(ModelFormatError, match=r"no sums of squares|damaged"):
        ppocrvl.quantize(built_in, tmp_path / "out", llm_type=llm, imatrix=path)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_zero_sums_do_no_harm(built_in: Path, importance: Path, tmp_path: Path) -> None:
    """Columns whose inputs were always 0 may get any weights; ggml's kernels must not abort."""
    matrix = read_importance(importance)
    zeros = {
        name.replace(".", "_dot_"): np.zeros_like(squares)
        for name, squares in matrix.squares.items()
    }
    path = tmp_path / "zero.gguf"
    ImportanceFile(path, edited(matrix, **zeros)).write(path, None)
    ppocrvl.quantize(
        built_in, tmp_path / "out", llm_type="Q4_K_M", mmproj_type="IQ4_NL", imatrix=path
    )
    rows = np.random.default_rng(0).normal(size=(8, 256)).astype(np.float32)
    weights = np.zeros(256, np.float32)
    for kind in ("Q2_K", "IQ4_XS", "IQ3_XXS", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ1_S", "IQ1_M"):
        _native.quantize_rows(kind, rows, importance=weights)
        weights[:16] = 1e-30


def test_damaged_files_give_one_line(built_in: Path, importance: Path, tmp_path: Path) -> None:
    """And what is taken for a matrix does not make ggml's kernels abort."""
    data = importance.read_bytes()
    header = _native.read_gguf(str(importance)).data_offset
    sources = [GgufSource(path) for path in built_in.iterdir()]
    path = tmp_path / "damaged.gguf"
    rng = random.Random(4)
    outcomes = set()
    for case in range(100):
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 2, 8))):
            end = header if case % 3 else len(data)
            damaged[rng.randrange(end)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        if case % 10 == 0:
            del damaged[rng.randrange(len(damaged)) :]
        path.write_bytes(damaged)
        try:
            matrix = check_importance(read_importance(path), sources, str(path))
            for name in rng.sample(sorted(matrix.squares), 3):
                weights = matrix.weights(name)
                assert weights is not None
                rows = np.zeros((4, 1024), np.float32)
                rows[:, : len(weights)] = np.random.default_rng(case).normal(size=(4, len(weights)))
                weights = np.pad(weights, (0, 1024 - len(weights)))
                for kind in ("Q4_K", "IQ2_S", "IQ1_M"):
                    _native.quantize_rows(kind, rows, importance=weights)
            outcomes.add("written")
        except PpocrvlError as error:
            message = str(error)
            assert "\n" not in message
            assert len(message) < 1000
            outcomes.add(type(error).__name__)
    assert {"written", "ModelFormatError"} <= outcomes


def test_command(
    built_in: Path, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "imatrix.gguf", tmp_path / "out"
    arguments = ["imatrix", str(built_in), str(samples / "hello.png"), "-o", str(path)]
    assert run_command(arguments) == ExitCode.OK
    printed = capsys.readouterr().out
    assert "36 matrices of the language model, 38 matrices of the vision side, 1 image" in printed
    arguments = ["quantize", str(built_in), "-o", str(out), "--preset", "small"]
    assert run_command([*arguments, "--imatrix", str(path)]) == ExitCode.OK
    assert "weighted" in capsys.readouterr().out
    found = _native.read_gguf(str(out / "tiny-small.gguf")).metadata
    assert found["quantize.imatrix.chunks_count"] == 1


def test_nothing_to_read(built_in: Path, samples: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no image to read"):
        ppocrvl.imatrix(built_in, [], tmp_path / "x")
    with pytest.raises(OutputError, match="its folder is not there"):
        ppocrvl.imatrix(built_in, [samples / "hello.png"], tmp_path / "none" / "x")
    with pytest.raises(OptionError, match="unknown task"):
        ppocrvl.imatrix(built_in, [samples / "hello.png"], tmp_path / "x", task="song")
