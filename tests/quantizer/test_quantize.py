# SPDX-License-Identifier: Apache-2.0
"""Quantized pairs: they run, they are what the report says, and nothing goes wrong halfway."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.errors import ExitCode, ModelFormatError, ModelNotFoundError, OptionError
from ppocrvl.quantizer.presets import PRESETS
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


def values(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """All tensors of a file as float32 rows."""
    data = np.fromfile(path, np.uint8)
    found = {}
    for tensor in _native.read_gguf(str(path)).tensors:
        row = tensor.shape[0]
        some = data[tensor.offset : tensor.offset + tensor.n_bytes]
        some = some.reshape(-1, _native.quantized_row_bytes(tensor.type, row))
        found[tensor.name] = _native.dequantize_rows(tensor.type, some, row)
    return found


@pytest.mark.parametrize(
    ("llm", "mmproj"), [("Q8_0", "Q8_0"), ("Q6_K", "Q6_K"), ("Q4_K_M", "Q5_1"), ("q5_k_s", "bf16")]
)
def test_a_quantized_pair_reads(
    built_in: Path, samples: Path, tmp_path: Path, llm: str, mmproj: str
) -> None:
    result = ppocrvl.quantize(built_in, tmp_path, llm_type=llm, mmproj_type=mmproj)
    assert result.llm.path == tmp_path / f"tiny-{llm.upper()}.gguf"
    assert result.mmproj.path == tmp_path / f"mmproj-tiny-{mmproj.upper()}.gguf"
    truth = (samples / "hello.txt").read_text(encoding="utf-8").strip()
    with ppocrvl.Engine(tmp_path) as engine:
        assert engine.ocr(samples / "hello.png").text == truth


def test_the_report_is_what_the_file_holds(built_in: Path, tmp_path: Path) -> None:
    result = ppocrvl.quantize(built_in, tmp_path, llm_type="Q4_K_M", mmproj_type="Q8_0")
    for file, source in zip(
        (result.llm, result.mmproj), ("tiny-BF16.gguf", "mmproj-tiny-BF16.gguf"), strict=True
    ):
        assert file.n_bytes == file.path.stat().st_size < file.source_bytes
        before, after = values(built_in / source), values(file.path)
        written = _native.read_gguf(str(file.path))
        stored = written.numbers("ppocrvl.quantize.relative_errors")
        assert written.metadata["ppocrvl.quantize.scheme"] == file.scheme
        assert [t.name for t in written.tensors] == [t.name for t in file.tensors] == list(before)
        for tensor, info, error in zip(file.tensors, written.tensors, stored, strict=True):
            assert (tensor.type, tensor.shape, tensor.n_bytes) == (
                info.type,
                info.shape,
                info.n_bytes,
            )
            old, new = before[tensor.name], after[tensor.name]
            padded = np.zeros_like(new)
            padded[: len(old), : old.shape[1]] = old
            norm = float(np.linalg.norm(padded.astype(np.float64)))
            gap = float(np.linalg.norm(new.astype(np.float64) - padded))
            assert tensor.relative_error == pytest.approx(gap / norm if norm else 0.0, abs=1e-7)
            assert error == pytest.approx(tensor.relative_error, rel=1e-6)
            assert (tensor.relative_error > 0) == (tensor.type != tensor.source_type)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets(built_in: Path, samples: Path, tmp_path: Path, preset: str) -> None:
    result = ppocrvl.quantize(built_in, tmp_path, preset=preset)
    assert result.llm.path == tmp_path / f"tiny-{preset}.gguf"
    assert result.mmproj.path == tmp_path / f"mmproj-tiny-{preset}.gguf"
    assert result.llm.scheme == result.mmproj.scheme == preset
    truth = (samples / "hello.txt").read_text(encoding="utf-8").strip()
    with ppocrvl.Engine(tmp_path) as engine:
        assert engine.ocr(samples / "hello.png").text == truth
    again = ppocrvl.quantize(tmp_path, tmp_path / "again", allow_requantize=True)
    assert (
        again.llm.path.name == "tiny-balanced.gguf"
    )  # the preset's name is no part of the model's


def test_padding_alone_changes_nothing(built_in: Path, tmp_path: Path) -> None:
    """FFN rows as long as Q8_0 needs them, but nothing quantized."""
    floats = {"mm.*.weight": "F32", "v.blk.*.weight": "F32"}
    ppocrvl.quantize(built_in, tmp_path, llm_type="BF16", mmproj_type="Q8_0", keep=floats)
    mmproj = next(tmp_path.glob("mmproj-*"))
    up = next(
        t for t in _native.read_gguf(str(mmproj)).tensors if t.name.endswith("0.ffn_up.weight")
    )
    assert up.shape == (192, 1024), "1008 is no multiple of 32"
    picture = Image.effect_noise((336, 168), 60).convert("RGB")
    with ppocrvl.Engine(built_in, precision="exact") as before:
        expected = before.embed(picture)
    with ppocrvl.Engine(tmp_path, precision="exact") as after:
        found = after.embed(picture)
    assert np.linalg.norm(found - expected) <= 2e-6 * np.linalg.norm(expected)


def metadata(path: Path) -> dict[str, bytes]:
    """Every key with its value as it is encoded."""
    data = path.read_bytes()
    places = _native.read_gguf(str(path)).metadata_places
    return {key: data[begin:end] for key, (begin, end) in places.items()}


def test_all_else_of_the_file_stays(built_in: Path, tmp_path: Path) -> None:
    result = ppocrvl.quantize(built_in, tmp_path)
    for file in (result.llm, result.mmproj):
        before = metadata(built_in / file.path.name.replace(file.scheme, "BF16"))
        after = metadata(file.path)
        assert set(before) <= set(after)
        assert {key for key in after if after[key] != before.get(key)} == {
            "general.file_type",
            "ppocrvl.quantize.scheme",
            "ppocrvl.quantize.relative_errors",
            "ppocrvl.quantize.tensors",
        }


def test_twice_gives_the_same_bytes(built_in: Path, tmp_path: Path) -> None:
    first = ppocrvl.quantize(built_in, tmp_path / "a", n_threads=1)
    second = ppocrvl.quantize(built_in, tmp_path / "b", n_threads=3)
    assert first.llm.path.read_bytes() == second.llm.path.read_bytes()
    assert first.mmproj.path.read_bytes() == second.mmproj.path.read_bytes()


def test_a_quantized_source_is_refused_unless_allowed(built_in: Path, tmp_path: Path) -> None:
    ppocrvl.quantize(built_in, tmp_path / "a", llm_type="Q8_0", mmproj_type="Q8_0")
    with pytest.raises(OptionError, match=r"holds Q8_0 already.*allow_requantize"):
        ppocrvl.quantize(tmp_path / "a", tmp_path / "b")
    assert not (tmp_path / "b").exists()
    again = ppocrvl.quantize(tmp_path / "a", tmp_path / "b", allow_requantize=True)
    assert again.llm.path.name == "tiny-balanced.gguf"
    assert {tensor.source_type for tensor in again.llm.tensors} == {"Q8_0", "F32"}
    # What has its type already is copied.
    copy = ppocrvl.quantize(tmp_path / "b", tmp_path / "c", allow_requantize=True)
    assert copy.llm.path.read_bytes()[-100_000:] == again.llm.path.read_bytes()[-100_000:]
    assert all(tensor.relative_error == 0 for tensor in copy.llm.tensors)


def test_a_file_never_replaces_its_source(built_in: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(built_in, tmp_path / "model")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(OptionError, match="would replace its own source"):
        ppocrvl.quantize(folder, folder, llm_type="BF16", mmproj_type="Q8_0")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_names_come_from_what_the_files_are(built_in: Path, tmp_path: Path) -> None:
    """Files are told apart by their headers; the two outputs never share a name."""
    folder = tmp_path / "model"
    folder.mkdir()
    shutil.copy(built_in / "tiny-BF16.gguf", folder / "m-F32.gguf")
    shutil.copy(built_in / "mmproj-tiny-BF16.gguf", folder / "m-BF16.gguf")
    files = ppocrvl.quantize(folder, tmp_path / "out", llm_type="F16", mmproj_type="F16")
    assert (files.llm.path.name, files.mmproj.path.name) == ("m-F16.gguf", "mmproj-m-F16.gguf")
    with pytest.raises(OptionError, match="would replace its own source"):
        ppocrvl.quantize(folder, folder, llm_type="BF16", mmproj_type="F16")


def test_kept_tensors_still_run(built_in: Path, samples: Path, tmp_path: Path) -> None:
    keep = {"v.blk.0.*": "BF16", "*attn_v*": "Q8_0"}  # norms, biases and all
    ppocrvl.quantize(built_in, tmp_path, llm_type="Q5_0", mmproj_type="Q8_0", keep=keep)
    with ppocrvl.Engine(tmp_path) as engine:
        assert engine.ocr(samples / "hello.png").text.startswith("Hello")


def test_inspect_believes_errors_only_of_these_tensors(built_in: Path, tmp_path: Path) -> None:
    path = ppocrvl.quantize(built_in, tmp_path, llm_type="Q4_0").llm.path
    tree = ppocrvl.inspect_model(path).parts[0].tree
    assert tree.largest_error is not None
    assert 0.05 < tree.largest_error < 0.2
    digest = metadata(path)["ppocrvl.quantize.tensors"][-64:]
    path.write_bytes(path.read_bytes().replace(digest, b"0" * 64))
    assert ppocrvl.inspect_model(path).parts[0].tree.largest_error is None


@pytest.mark.parametrize("name", ["blk.1.ffn_up.weight", "blk.1.ffn_norm.weight"])
def test_a_damaged_tensor_is_named(built_in: Path, tmp_path: Path, name: str) -> None:
    """One that is quantized, in BF16, and one that stays as it is, in F32."""
    folder = shutil.copytree(built_in, tmp_path / "model")
    path = folder / "tiny-BF16.gguf"
    tensor = next(t for t in _native.read_gguf(str(path)).tensors if t.name == name)
    data = bytearray(path.read_bytes())
    data[tensor.offset : tensor.offset + 4] = b"\xff\x7f\xff\x7f"  # NaN in both
    path.write_bytes(data)
    with pytest.raises(ModelFormatError, match=rf"tensor {re.escape(name)}: it holds NaN"):
        ppocrvl.quantize(folder, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
from ppocrvl.cli.main import main
main()
"""


def test_a_full_disk_leaves_nothing_behind(built_in: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        LIMITED,
        "quantize",
        str(built_in),
        "-o",
        str(tmp_path / "out"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.OUTPUT
    assert "tiny-balanced.gguf: cannot be written" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("file", ["tiny-balanced.gguf", "mmproj-tiny-balanced.gguf"])
def test_an_interrupt_leaves_nothing_behind(built_in: Path, tmp_path: Path, file: str) -> None:
    def progress(name: str, done: int, total: int) -> None:
        if name == file and done > total // 2:
            raise KeyboardInterrupt

    before = {path.name: path.read_bytes() for path in built_in.iterdir()}
    with pytest.raises(KeyboardInterrupt):
        ppocrvl.quantize(built_in, tmp_path / "out", progress=progress)
    assert list((tmp_path / "out").iterdir()) == []
    assert {path.name: path.read_bytes() for path in built_in.iterdir()} == before


def test_command(built_in: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    arguments = ["quantize", str(built_in), "-o", str(tmp_path / "out"), "--llm-type", "q6_k"]
    arguments += ["--mmproj-type", "Q4_K", "--keep", "mm.2.weight=Q8_0", "--report", str(report)]
    assert run_command(arguments) == ExitCode.OK
    printed = capsys.readouterr().out
    assert "tiny-Q6_K.gguf: " in printed
    assert "Q4_K does not fit" in printed  # rows of 192
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["llm"]["scheme"] == "Q6_K"
    types = {tensor["name"]: tensor["type"] for tensor in found["mmproj"]["tensors"]}
    assert (types["mm.1.weight"], types["mm.2.weight"]) == ("Q4_K", "Q8_0")
    assert run_command(["inspect", str(tmp_path / "out")]) == ExitCode.OK
    assert "error up to" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--llm-type", "Q4"], "'Q4' is no quantization"),
        (["--mmproj-type", "Q4_K_M"], "'Q4_K_M' is no quantization"),
        (["--keep", "nothing*=Q8_0"], "'nothing*' matches no tensor that is ever quantized"),
        (["--keep", "v.patch_embd.weight=BF16"], "matches no tensor that is ever quantized"),
        (["--keep", "mm.1.weight=Q2_0"], "'Q2_0' is no type to keep"),
        (["--keep", "nothing"], "is not PATTERN=TYPE"),
        (["--preset", "tiny"], "'tiny' is no preset; choose from small, balanced, quality"),
        (
            ["--preset", "small", "--llm-type", "Q8_0"],
            "give either preset, or llm_type and",
        ),
        (["--llm-type", "IQ2_XS"], "llm IQ2_XS needs an importance matrix"),
        (["--threads", "-1"], "n_threads -1 is not from 0 to 1024"),
        (["--threads", "99999999999"], "n_threads 99999999999 is not from 0 to 1024"),
    ],
)
def test_bad_options(
    built_in: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    out = tmp_path / "out"
    command = ["quantize", str(built_in), "-o", str(out), *arguments]
    assert run_command(command) == ExitCode.USAGE
    assert reason in capsys.readouterr().err
    assert not out.exists()


def test_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        ppocrvl.quantize(tmp_path / "none", tmp_path / "out")


def test_old_names_of_the_types_still_work(built_in: Path, tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match="takes llm_type and mmproj_type"):
        old = ppocrvl.quantize(built_in, tmp_path / "old", llm="Q8_0", mmproj="Q4_0")
    new = ppocrvl.quantize(built_in, tmp_path / "new", llm_type="Q8_0", mmproj_type="Q4_0")
    assert old.llm.path.read_bytes() == new.llm.path.read_bytes()
    assert old.mmproj.path.read_bytes() == new.mmproj.path.read_bytes()
