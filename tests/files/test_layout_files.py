# SPDX-License-Identifier: Apache-2.0
"""The check of layout files: what is exported passes, what is damaged is a typed error."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
import pytest

from ppocrvl.errors import ModelError, ModelFormatError, ModelMismatchError
from ppocrvl.exporter.layout.exporter import export_layout
from ppocrvl.exporter.layout.synthetic import write_synthetic_layout
from ppocrvl.models.folder import built_in_model, find_model
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def layout_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Exports small models, once each."""
    folder = tmp_path_factory.mktemp("layouts")
    made: dict[str, Path] = {}

    def make(size: str = "v3-small", kind: str = "f32", **changes: Any) -> Path:
        key = f"{size}-{len(made)}"
        known = f"{size} {kind} {changes}"
        if known not in made:
            write_synthetic_layout(folder / key, size, changes=changes, image_size=160)
            made[known] = export_layout(folder / key, folder, layout_type=kind)
        return made[known]

    return make


def edited(
    source: Path,
    target: Path,
    *,
    keys: dict[str, tuple[Any, gguf.GGUFValueType] | None] | None = None,
    drop: str = "",
    rename: tuple[str, str] = ("", ""),
    half: str = "",
) -> Path:
    """A copy with other keys (None: without) and other tensors, written by gguf-py."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "ppdoclayout")
    changes = {f"ppdoclayout.{key}": value for key, value in (keys or {}).items()}
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture" or name in changes:
            continue
        sub_type = field.types[1] if len(field.types) > 1 else None
        writer.add_key_value(name, field.contents(), field.types[0], sub_type)
    for name, value in changes.items():
        if value is not None:
            is_list = isinstance(value[0], list)
            kind = gguf.GGUFValueType.ARRAY if is_list else value[1]
            writer.add_key_value(name, value[0], kind, value[1] if is_list else None)
    for tensor in reader.tensors:
        if tensor.name != drop:
            name = rename[1] if tensor.name == rename[0] else tensor.name
            if name == half:
                writer.add_tensor(name, tensor.data.astype(np.float16))
            else:
                writer.add_tensor(name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


U32, F32, I32 = gguf.GGUFValueType.UINT32, gguf.GGUFValueType.FLOAT32, gguf.GGUFValueType.INT32
BOOL, TEXT = gguf.GGUFValueType.BOOL, gguf.GGUFValueType.STRING


@pytest.mark.parametrize(
    ("size", "kind", "changes"),
    [
        ("v3-small", "f32", {}),
        ("v3-small", "q8_0", {"hidden_expansion": 1.0}),
        ("v3-small", "bf16", {"mask_enhanced": False}),
        ("v3-small", "f16", {"mask_enhanced": False, "ppocrvl_layout": {"masks": False}}),
        ("v2-small", "q8_0", {"ppocrvl_layout": {"cover_ink": True, "nms_iou": 0.5}}),
    ],
)
def test_exported_files_pass(
    layout_file: Callable[..., Path], size: str, kind: str, changes: dict[str, Any]
) -> None:
    path = layout_file(size, kind, **changes)
    _native.check_layout(str(path))
    assert _native.read_gguf(str(path)).role == "layout"


def test_a_copy_passes(layout_file: Callable[..., Path], tmp_path: Path) -> None:
    """So what the other tests see is what they changed."""
    for size in ("v3-small", "v2-small"):
        _native.check_layout(str(edited(layout_file(size), tmp_path / f"{size}.gguf")))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"version": (4, U32)}, "key 'ppdoclayout.version' is 4, outside 2 to 3"),
        ({"version": (2, U32)}, "key 'ppdoclayout.order.embedding_length' is missing"),
        ({"image.width": (4096, U32)}, "'ppdoclayout.image.width' is 4096, outside"),
        ({"image.width": (168, U32)}, "no multiple of 32"),
        ({"image.std": ([1.0, 0.0, 1.0], F32)}, "image.std' is 0"),
        ({"image.mean": ([float("nan")] * 3, F32)}, "image.mean' is nan"),
        ({"labels": (["a"], TEXT)}, "has 25 values for 1 labels"),
        ({"labels": (["a"] * 25, TEXT)}, "the label 'a' is there twice"),
        ({"labels": (["x" * 257, *map(str, range(24))], TEXT)}, "a label is"),
        ({"thresholds": ([0.3] * 24, F32)}, "has 24 values for 25 labels"),
        ({"backbone.stem_lengths": ([1, 8, 16], I32)}, "must begin with 3"),
        ({"backbone.stage_kernel_sizes": ([3, 3, 4, 5], I32)}, "even kernel"),
        ({"backbone.stage_block_counts": ([1, 1, 2], I32)}, "is not i32[4]"),
        ({"backbone.stage_block_counts": ([1, 1, 3, 1], I32)}, "'backbone.2.2.0.point.weight'"),
        ({"backbone.stage_block_counts": ([1, 1, 1, 1], I32)}, "unexpected tensor"),
        ({"encoder.head_count": (5, U32)}, "no multiple of 5"),
        ({"encoder.csp_length": (64, U32)}, "enc.fpn.0.conv1.weight' is [128, 32] instead of"),
        ({"decoder.query_count": (1000, U32)}, "more queries than its 525 anchors"),
        ({"decoder.block_count": (0, U32)}, "decoder.block_count' is 0"),
        ({"decoder.point_count": (8, U32)}, "dec.0.cross_offsets.weight"),
        ({"mask.present": (False, BOOL)}, "boxes come from masks"),
        ({"mask.present": (1, U32)}, "mask.present' is not bool"),
        ({"mask.prototype_count": None}, "mask.prototype_count' is missing"),
        ({"region.nms_iou": (1.5, F32)}, "region.nms_iou' is 1.5"),
        (
            {
                "image.width": (2048, U32),
                "image.height": (2048, U32),
                "encoder.head_count": (8, U32),
            },
            "the encoder's attention would have 134217728 elements",
        ),
    ],
)
def test_keys_that_lie(
    layout_file: Callable[..., Path], tmp_path: Path, keys: dict[str, Any], told: str
) -> None:
    path = edited(layout_file(), tmp_path / "bad.gguf", keys=keys)
    with pytest.raises(ModelFormatError) as error:
        _native.check_layout(str(path))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("size", ["v3-small", "v2-small"])
def test_every_tensor_is_needed(
    layout_file: Callable[..., Path], tmp_path: Path, size: str
) -> None:
    path = layout_file(size)
    names = [tensor.name for tensor in _native.read_gguf(str(path)).tensors]
    for name in random.Random(0).sample(names, 25):
        copy = edited(path, tmp_path / "bad.gguf", drop=name)
        with pytest.raises(ModelFormatError, match=f"tensor '{name}' is missing"):
            _native.check_layout(str(copy))
    copy = edited(path, tmp_path / "bad.gguf", rename=("dec.class.bias", "dec.klass.bias"))
    with pytest.raises(ModelFormatError) as error:
        _native.check_layout(str(copy))
    assert "tensor 'dec.class.bias' is missing" in str(error.value)
    assert "unexpected tensor 'dec.klass.bias'" in str(error.value)


@pytest.mark.parametrize("name", ["dec.memory.weight", "enc.pos_embd", "enc.lateral.0.bias"])
def test_types_that_the_graph_does_not_take(
    layout_file: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    path = edited(layout_file(), tmp_path / "bad.gguf", half=name)
    with pytest.raises(ModelFormatError, match=f"'{name}' cannot be of type F16"):
        _native.check_layout(str(path))


def test_files_in_the_wrong_place(layout_file: Callable[..., Path]) -> None:
    layout = str(layout_file())
    with pytest.raises(ModelMismatchError, match="this is a layout model's file"):
        _native.check_llm(layout)
    with pytest.raises(ModelMismatchError, match="this is a layout model's file"):
        _native.check_mmproj(layout)
    pair = built_in_model()
    for path in (pair.llm, pair.mmproj):
        with pytest.raises(ModelMismatchError, match="it was given as the layout model"):
            _native.check_layout(str(path))


def test_layout_file_given_as_the_model(layout_file: Callable[..., Path], tmp_path: Path) -> None:
    pair = built_in_model()
    with pytest.raises(ModelMismatchError, match="this is a layout model's file"):
        find_model(layout_file())
    with pytest.raises(ModelMismatchError, match="this is a layout model's file"):
        find_model(layout_file(), pair.mmproj)
    for file in (pair.llm, pair.mmproj, layout_file()):
        (tmp_path / file.name).symlink_to(file)
    found = find_model(tmp_path)
    assert (found.llm.name, found.mmproj.name) == (pair.llm.name, pair.mmproj.name)


def test_labels_that_are_no_text(layout_file: Callable[..., Path], tmp_path: Path) -> None:
    data = layout_file().read_bytes()
    path = tmp_path / "bad.gguf"
    path.write_bytes(data.replace(b"chart", b"]\xd8\xd1^J", 1))
    with pytest.raises(ModelFormatError, match="a label is") as error:
        _native.check_layout(str(path))
    assert "\n" not in str(error.value)


def test_damaged_headers(layout_file: Callable[..., Path], tmp_path: Path) -> None:
    """Each damage is refused or harmless; none ends the process."""
    whole = layout_file("v2-small").read_bytes()
    header = _native.read_gguf(str(layout_file("v2-small"))).data_offset
    path = tmp_path / "bad.gguf"
    chance = random.Random(7)
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(header)] = chance.randrange(256)
        if chance.random() < 0.1:
            del data[chance.randrange(len(data)) :]
        path.write_bytes(data)
        try:
            _native.check_layout(str(path))
        except ModelError:
            refused += 1
    assert refused > 150
