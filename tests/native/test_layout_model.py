# SPDX-License-Identifier: Apache-2.0
"""The layout model in the extension: against transformers' stages, and with bad input."""

from __future__ import annotations

import contextlib
import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from ppocrvl import errors
from ppocrvl.exporter.layout.exporter import export_layout
from ppocrvl.exporter.layout.synthetic import write_synthetic_layout
from ppocrvl.models.folder import BUILT_IN_FOLDER
from ppocrvl.parity.compare import relative_error
from ppocrvl.parity.layout.reference import LayoutReference
from ppocrvl.parity.layout.stages import comparable, compare_stages
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CHECKPOINTS: dict[str, tuple[str, dict[str, Any]]] = {
    "masks": ("v3-small", {}),
    "no_masks": (
        "v3-small",
        {
            "mask_enhanced": False,
            "ppocrvl_layout": {"masks": False, "thresholds": [0.4], "halve": True},
        },
    ),
    "v2": ("v2-small", {}),
}
SIDE = 320


@pytest.fixture(scope="module", params=sorted(CHECKPOINTS))
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param) / "layout"
    size, changes = CHECKPOINTS[request.param]
    write_synthetic_layout(folder, size, changes=changes, image_size=SIDE)
    return folder


@pytest.fixture(scope="module")
def layout_file(checkpoint: Path) -> Path:
    return export_layout(checkpoint, checkpoint.parent)


def page(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Grey and coloured blocks on white."""
    generator = np.random.default_rng(seed)
    image = np.full((height, width, 3), 255, np.uint8)
    for _ in range(40):
        row, column = int(generator.integers(0, height)), int(generator.integers(0, width))
        rows, columns = generator.integers(2, 40, 2)
        image[row : row + rows, column : column + 3 * columns] = generator.integers(0, 256, 3)
    return image


def differing_stages(
    checkpoint: Path, layout_file: Path, precision: str, bound: float
) -> dict[str, float | None]:
    """Relative errors above the bound by stage; pixels have their own."""
    model = _native.LayoutModel(str(layout_file), 2, precision=precision)
    image = page(500, 400)
    found: dict[str, Any] = model.run(image, trace=True)
    model.close()
    stages = found["stages"] = comparable(found["stages"])
    found["page_size"] = np.array([400.0, 500.0])
    if "taken" in stages:
        assert 0 < stages["taken"].sum() < len(stages["taken"])
    reference = LayoutReference(checkpoint)
    differences = compare_stages(
        found, reference.from_given(stages), reference.pixels(image), reference.least_std
    )
    return {
        one.stage: one.relative
        for one in differences
        if not one.passed or (one.stage != "pixels" and (one.relative or 0) > bound)
    }


@pytest.mark.reference
@pytest.mark.parametrize(("precision", "bound"), [("f32", 1e-5), ("auto", 1e-4)])
def test_stages_are_those_of_transformers(
    checkpoint: Path, layout_file: Path, precision: str, bound: float
) -> None:
    assert not differing_stages(checkpoint, layout_file, precision, bound)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.reference
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("size", ["v2", "v3"])
def test_stages_of_official_size(tmp_path: Path, size: str) -> None:
    checkpoint = tmp_path / size
    write_synthetic_layout(checkpoint, size)
    assert not differing_stages(checkpoint, export_layout(checkpoint, tmp_path), "f32", 1e-5)


def test_the_best_tokens_are_selected(layout_file: Path) -> None:
    ours = _native.LayoutModel(str(layout_file), 2).run(page(500, 400), trace=True)["stages"]
    best = np.concatenate([ours[f"encoder_classes.{level}"] for level in range(3)]).max(axis=1)
    expected = np.argsort(-best, kind="stable")[: len(ours["selected"])]
    assert np.array_equal(ours["selected"], expected)


def test_regions_are_made_of_the_heads_outputs(layout_file: Path) -> None:
    found = _native.LayoutModel(str(layout_file), 2).run(page(500, 400), trace=True)
    ours = found["stages"]
    logits = ours["logits"].astype(np.float64)
    n_queries, n_labels = logits.shape
    scores = 1 / (1 + np.exp(-logits.ravel()))
    pairs = np.triu(ours["order_logits"].astype(np.float64), 1)
    order_scores = 1 / (1 + np.exp(-pairs))
    before = np.triu(order_scores, 1)
    ranks = np.argsort(np.argsort((before + np.tril(1 - before.T, -1)).sum(axis=0)))
    best = np.argsort(-scores, kind="stable")[:n_queries]
    expected = sorted(
        (int(ranks[i // n_labels]), int(i % n_labels), int(i // n_labels)) for i in best
    )
    rows = zip(found["order"], found["labels"], found["queries"], strict=True)
    assert sorted((int(o), int(label), int(query)) for o, label, query in rows) == expected
    assert np.all(np.diff(found["order"]) >= 0)
    indices = found["queries"] * n_labels + found["labels"]
    assert np.allclose(found["scores"], scores[indices], rtol=1e-5)
    x, y, width, height = ours["boxes"][found["queries"]].T
    corners = np.stack((x - width / 2, y - height / 2, x + width / 2, y + height / 2), axis=1)
    assert np.allclose(found["boxes"], corners * [400, 500, 400, 500], atol=1e-3)


def test_pages_do_not_depend_on_those_before_and_on_threads(layout_file: Path) -> None:
    model = _native.LayoutModel(str(layout_file), 3)
    first = model.run(page(90, 200, 1))
    model.run(page(500, 400, 2), trace=True)
    again = model.run(page(90, 200, 1))
    alone = _native.LayoutModel(str(layout_file), 1).run(page(90, 200, 1))
    for name, values in first.items():
        parts = values if isinstance(values, list) else [values]
        for other in (again[name], alone[name]):
            others = other if isinstance(other, list) else [other]
            assert all(np.array_equal(a, b) for a, b in zip(parts, others, strict=True))


def test_threads_take_turns(layout_file: Path) -> None:
    model = _native.LayoutModel(str(layout_file), 2)
    pages = [page(100 + i, 120, i) for i in range(6)]
    expected = [model.run(image)["boxes"] for image in pages]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda image: model.run(image)["boxes"], pages))
    for boxes, wanted in zip(found, expected, strict=True):
        assert np.array_equal(boxes, wanted)


def test_ctrl_c_ends_a_page(layout_file: Path) -> None:
    model = _native.LayoutModel(str(layout_file), 2)
    image = page(100, 120)
    expected = model.run(image)["boxes"]
    done: list[Any] = []
    # No bytecode runs between the two calls, so that only the second can see the signal.
    calls = [ctypes.pythonapi.PyErr_SetInterrupt, partial(model.run, image)]
    with pytest.raises(KeyboardInterrupt):
        done.extend(map(methodcaller("__call__"), calls))
    assert len(done) == 1
    assert np.array_equal(model.run(image)["boxes"], expected)


def test_pages_are_read_beside_an_engine(
    layout_file: Path, endless_engine: _native.Engine, picture: NDArray[np.uint8]
) -> None:
    """Neither keeps the cores for itself."""
    model = _native.LayoutModel(str(layout_file), 2)
    expected = model.run(page(100, 120))["boxes"]
    request = _native.Request(image=picture, prompt="OCR:", max_tokens=50_000, stop_loops=False)
    ticket = endless_engine.submit(request)
    assert ticket.next() is not None
    for _ in range(3):
        assert np.array_equal(model.run(page(100, 120))["boxes"], expected)
        assert ticket.next() is not None
    ticket.cancel()
    assert ticket.result().finish_reason == "cancelled"


def test_a_token_ends_a_page(layout_file: Path) -> None:
    model = _native.LayoutModel(str(layout_file), 2)
    token = _native.CancelToken()
    expected = model.run(page(100, 120), cancel=token)["boxes"]
    token.cancel()
    with pytest.raises(errors.CancelledError, match="layout was cancelled"):
        model.run(page(100, 120), cancel=token)
    assert np.array_equal(model.run(page(100, 120))["boxes"], expected)


def test_a_closed_model_reads_no_page(layout_file: Path) -> None:
    model = _native.LayoutModel(str(layout_file), 2)
    model.close()
    model.close()
    with pytest.raises(errors.CancelledError, match="is closed"):
        model.run(page(100, 120))
    assert len(model.labels) == 25


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork: not on this system")
def test_a_forked_child_is_told(layout_file: Path) -> None:
    model = _native.LayoutModel(str(layout_file), 2)
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException):
            try:
                model.run(page(100, 120))
            except errors.EngineError:
                model.close()
                code = 0
        os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert len(model.run(page(100, 120))["boxes"]) == 100


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (4000, 2), (320, 320)])
def test_pages_of_any_size(layout_file: Path, shape: tuple[int, int]) -> None:
    found = _native.LayoutModel(str(layout_file), 2).run(page(*shape))
    assert len(found["scores"]) == 100
    assert np.isfinite(found["boxes"]).all()


@pytest.mark.slow
def test_the_largest_page(layout_file: Path) -> None:
    found = _native.LayoutModel(str(layout_file), 2).run(np.zeros((20_000, 20_000, 3), np.uint8))
    assert np.isfinite(found["boxes"]).all()


def test_large_pages_are_halved_if_the_file_says_so(layout_file: Path) -> None:
    model = _native.LayoutModel(str(layout_file), 2)
    image = page(4 * SIDE - 3, 2 * SIDE - 1, 3)  # halved to twice the height, width SIDE
    image = np.ascontiguousarray(np.concatenate((image, image[:, -1:]), axis=1))
    halved = np.asarray(Image.fromarray(image).reduce(2))
    halves = b"image.halve" in layout_file.read_bytes()
    found, wanted = (model.run(x, trace=True)["stages"]["pixels"] for x in (image, halved))
    assert np.array_equal(found, wanted) == halves


def test_masks_are_those_of_transformers(layout_file: Path) -> None:
    model = _native.LayoutModel(str(layout_file), 2)
    image = page(500, 400)
    found = model.run(image, trace=True, threshold=0.02, mask_threshold=0.4)
    if "masks" not in found["stages"]:
        assert "masks" not in found
        return
    grid = SIDE // 4
    whole = 1 / (1 + np.exp(-found["stages"]["masks"].astype(np.float64))) > 0.4
    rows = zip(found["boxes"], found["queries"], found["masks"], found["mask_places"], strict=True)
    n_pixels = 0
    for box, query, mask, (left, top) in rows:
        (x0, y0), (x1, y1) = np.floor(box[:2]), np.ceil(box[2:])
        ends = [round(float(x) * (grid / 400)) for x in (x0, x1)]
        sides = [round(float(y) * (grid / 500)) for y in (y0, y1)]
        columns, lines = np.clip(ends, 0, grid), np.clip(sides, 0, grid)
        expected = whole[query, lines[0] : lines[1], columns[0] : columns[1]]
        assert mask.dtype == np.uint8
        assert np.array_equal(mask, expected)
        assert (left, top) == (columns[0], lines[0])
        n_pixels += mask.sum()
    assert n_pixels > 0


def test_masks_have_the_regions_threshold(layout_file: Path) -> None:
    model = _native.LayoutModel(str(layout_file), 2)
    image = page(200, 200)
    found = model.run(image, threshold=0.1).get("masks", [])
    wanted = model.run(image, threshold=0.1, mask_threshold=0.1).get("masks", [])
    assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_threshold(layout_file: Path) -> None:
    model = _native.LayoutModel(str(layout_file), 2)
    scores = model.run(page(500, 400))["scores"]
    middle = float(np.sort(scores)[50])
    kept = model.run(page(500, 400), threshold=middle)["scores"]
    assert np.array_equal(kept, scores[scores >= middle])


def test_bfloat16_is_for_what_comes_before_the_decoder(layout_file: Path) -> None:
    exact = _native.LayoutModel(str(layout_file), 1, precision="f32")
    rough = _native.LayoutModel(str(layout_file), 1, precision="bf16")
    automatic = _native.LayoutModel(str(layout_file), 1)
    assert rough.kernels[0] == rough.kernels[1]
    assert rough.kernels[2] == automatic.kernels[2]
    assert automatic.kernels[0] == exact.kernels[0] == exact.kernels[1] == exact.kernels[2]
    expected = exact.run(page(500, 400), trace=True)["stages"]["backbone.0"]
    error = relative_error(rough.run(page(500, 400), trace=True)["stages"]["backbone.0"], expected)
    assert error < 0.1
    assert (error > 1e-4) == (rough.kernels[0] != exact.kernels[0])
    with pytest.raises(ValueError, match="choose auto, f32 or bf16"):
        _native.LayoutModel(str(layout_file), 1, precision="double")


def test_wrong_images_are_refused(layout_file: Path) -> None:
    model = _native.LayoutModel(str(layout_file), 1)
    with pytest.raises(errors.ImageError):
        model.run(np.zeros((10, 10), np.uint8))
    with pytest.raises(errors.ImageError):
        model.run(np.zeros((0, 10, 3), np.uint8))
    with pytest.raises(errors.ImageError, match=r"\[3, 320, 320\]"):
        model.run_pixels(np.zeros((3, 32, 32), np.float32))


def test_other_files_are_refused(layout_file: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.ModelFormatError):
        _native.LayoutModel(str(tmp_path / "nothing.gguf"))
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(layout_file.read_bytes()[:-1000])
    with pytest.raises(errors.ModelFormatError):
        _native.LayoutModel(str(cut))


@pytest.mark.parametrize(
    "count",
    [30, pytest.param(700, marks=[pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(3600)])],
)
def test_changed_bytes_are_refused_or_read(layout_file: Path, tmp_path: Path, count: int) -> None:
    """No file ends the process: of three models some bytes are changed, or all behind some."""
    original = layout_file.read_bytes()
    generator = np.random.default_rng(count)
    header = original.index(b"dec.class")
    changed = tmp_path / "changed.gguf"
    n_refused = 0
    for _ in range(count):
        data = bytearray(original)
        # Of four, one has other weights, one ends too early, two have another header.
        kind = int(generator.integers(0, 4))
        end = len(data) if kind == 0 else header
        for place in generator.integers(0, end, 3):
            data[place] ^= 1 << int(generator.integers(0, 8))
        if kind == 1:
            del data[int(generator.integers(0, len(data))) :]
        changed.write_bytes(data)
        try:
            _native.LayoutModel(str(changed), 1).run(page(30, 40))
        except (errors.ModelFormatError, errors.ModelMismatchError):
            n_refused += 1
    assert count > n_refused > count // 4


@pytest.mark.parametrize(
    ("place", "words"),
    [("enc.aifi.0.attn_q.weight", "is missing"), ("backbone.stem1.bias", "is missing")],
)
def test_missing_tensors_are_named(
    layout_file: Path, tmp_path: Path, place: str, words: str
) -> None:
    changed = tmp_path / "changed.gguf"
    renamed = place.replace("0", "9").replace("stem1", "stem7")
    changed.write_bytes(layout_file.read_bytes().replace(place.encode(), renamed.encode()))
    with pytest.raises(errors.ModelFormatError, match=f"'{place}' {words}"):
        _native.LayoutModel(str(changed), 1)


def test_weights_that_are_no_numbers_are_refused(layout_file: Path, tmp_path: Path) -> None:
    data = bytearray(layout_file.read_bytes())
    data[-4:] = np.float32(np.nan).tobytes()  # of the last tensor
    changed = tmp_path / "changed.gguf"
    changed.write_bytes(data)
    with pytest.raises(errors.ModelFormatError, match="no finite number"):
        _native.LayoutModel(str(changed), 1)


def test_models_of_another_kind_are_told_apart(layout_file: Path) -> None:
    for file in sorted(BUILT_IN_FOLDER.glob("tiny-en*.gguf")) + sorted(
        BUILT_IN_FOLDER.glob("mmproj*.gguf")
    ):
        with pytest.raises(errors.ModelMismatchError, match="given as the layout model"):
            _native.LayoutModel(str(file))
        with pytest.raises(errors.ModelMismatchError):
            _native.Engine(_native.EngineOptions(llm=str(layout_file), mmproj=str(file)))
