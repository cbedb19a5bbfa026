# SPDX-License-Identifier: Apache-2.0
"""Every kind of image comes out as the upright RGB picture that a person sees."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from PIL import ExifTags, Image

from ppocrvl.errors import (
    ImageDecodeError,
    ImageError,
    ImageNotFoundError,
    ImageTooLargeError,
    ImageTooThinError,
)
from ppocrvl.images import flatten
from ppocrvl.images import source as source_module
from ppocrvl.images.load import FORMATS, load_image
from ppocrvl.images.webp_header import webp_size

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from ppocrvl.requests.image_source import ImageSource

WIDTH, HEIGHT = 6, 4


@pytest.fixture
def colours() -> npt.NDArray[np.uint8]:
    """A picture whose every pixel is different, uint8 [4, 6, 3]."""
    return np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def encode(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels_of(source: ImageSource) -> npt.NDArray[np.uint8]:
    picture = load_image(source)
    assert picture.mode == "RGB"
    return np.asarray(picture)


def test_every_way_to_give_an_image_gives_the_same_picture(
    colours: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    data = encode(Image.fromarray(colours))
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    with path.open("rb") as file:
        sources: list[ImageSource] = [
            path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data), file,
            Image.fromarray(colours), Image.open(io.BytesIO(data)), colours, colours / 255.0,
            (colours / 255.0).astype(np.float32), colours.astype(np.uint16) * 257, colours[:, :, :],
        ]  # fmt: skip
        for source in sources:
            np.testing.assert_array_equal(pixels_of(source), colours)


def test_file_object_that_cannot_seek_is_read(colours: npt.NDArray[np.uint8]) -> None:
    outlet, inlet = os.pipe()
    with os.fdopen(inlet, "wb") as file:
        file.write(encode(Image.fromarray(colours)))
    with os.fdopen(outlet, "rb") as file:
        np.testing.assert_array_equal(pixels_of(file), colours)


class Drops(io.RawIOBase):
    """A file that gives a few bytes at a time, as a socket may."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 7))


def test_file_object_that_gives_a_few_bytes_at_a_time(colours: npt.NDArray[np.uint8]) -> None:
    drops = cast("IO[bytes]", Drops(encode(Image.fromarray(colours))))
    np.testing.assert_array_equal(pixels_of(drops), colours)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(
    colours: npt.NDArray[np.uint8], orientation: int, kind: str
) -> None:
    turned = {
        1: colours,
        2: colours[:, ::-1],
        3: colours[::-1, ::-1],
        4: colours[::-1],
        5: colours.transpose(1, 0, 2),
        6: np.rot90(colours, 1),
        7: colours[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(colours, -1),
    }[orientation]
    stored = Image.fromarray(np.ascontiguousarray(turned))
    # enlarged by whole numbers, so that JPEG's blocks keep the colours apart
    stored = stored.resize((stored.width * 16, stored.height * 16), Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    lossless: dict[str, Any] = {
        "JPEG": {"quality": 100, "subsampling": 0},
        "WEBP": {"lossless": True},
    }
    options = lossless.get(kind, {})
    found = pixels_of(encode(stored, kind, exif=exif, **options))
    assert found.shape == (HEIGHT * 16, WIDTH * 16, 3)
    difference = np.abs(found[8::16, 8::16].astype(int) - colours)
    assert difference.max() <= (8 if kind == "JPEG" else 0)


def test_damaged_exif_does_not_lose_the_picture(colours: npt.NDArray[np.uint8]) -> None:
    data = encode(Image.fromarray(colours), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(pixels_of(data), colours)


def test_alpha_is_laid_on_white() -> None:
    rgba = np.zeros((1, 3, 4), dtype=np.uint8)
    rgba[0, :, 3] = (0, 128, 255)
    expected = [[[255] * 3, [127] * 3, [0] * 3]]
    picture = Image.fromarray(rgba)
    grey = picture.convert("LA")
    premultiplied = (picture.convert("RGBa"), grey.convert("La"))
    for source in (rgba, picture, encode(picture), grey, encode(grey), *premultiplied):
        assert pixels_of(source).tolist() == expected


def test_palette_with_a_clear_entry() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([1, 2, 3, 40, 50, 60])
    picture.putdata([0, 1])
    assert pixels_of(encode(picture)).tolist() == [[[1, 2, 3], [40, 50, 60]]]
    for kind in ("PNG", "GIF"):
        assert pixels_of(encode(picture, kind, transparency=0)).tolist() == [
            [[255] * 3, [40, 50, 60]]
        ]


def test_palette_with_half_clear_entries() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([0, 0, 0, 40, 50, 60])
    picture.putdata([0, 1])
    data = encode(picture, transparency=bytes([128, 255]))
    assert pixels_of(data).tolist() == [[[127] * 3, [40, 50, 60]]]


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_clear_colour_is_white(mode: str) -> None:
    black: Any = (0, 0, 0) if mode == "RGB" else 0
    picture = Image.new(mode, (2, 1), black)
    picture.putpixel((1, 0), (9, 9, 9) if mode == "RGB" else 9)
    found = pixels_of(encode(picture, transparency=black))
    assert found[0, 0].tolist() == [255] * 3
    assert found[0, 1].tolist() == ([255] * 3 if mode == "1" else [9] * 3)


def test_16_bit_grey_is_scaled_not_clipped() -> None:
    values = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    expected = [[[0] * 3, [1] * 3, [128] * 3, [255] * 3]]
    picture = Image.fromarray(values)
    for source in (
        values,
        picture,
        encode(picture),
        encode(picture, "TIFF"),
        encode(picture, "PPM"),
    ):
        assert pixels_of(source).tolist() == expected
    big_endian = Image.frombytes("I;16B", (4, 1), values.astype(">u2").tobytes())
    assert pixels_of(big_endian).tolist() == expected


def test_16_bit_tiff_with_white_as_zero() -> None:
    values = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    tiff = bytearray(encode(Image.fromarray(values), "TIFF"))
    entry = struct.pack("<HHI", 262, 3, 1)  # PhotometricInterpretation, one short
    at = tiff.index(entry) + len(entry)
    assert tiff[at] == 1
    tiff[at] = 0
    assert pixels_of(bytes(tiff))[0, :, 0].tolist() == [255, 254, 127, 0]


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_16_bit_png_in_colour_and_with_alpha(colour_type: int, channels: int) -> None:
    """Written by hand: Pillow reads such files but writes none."""
    grey, opaque = 0x8080, 0xFFFF
    values = {3: [0, grey, opaque], 2: [grey, opaque], 4: [0, grey, opaque, opaque]}[channels]
    row = b"\0" + struct.pack(f">{channels}H", *values)
    found = pixels_of(png(struct.pack(">IIBBBBB", 1, 1, 16, colour_type, 0, 0, 0), row))
    assert found[0, 0].tolist() == ([128] * 3 if channels == 2 else [0, 128, 255])


def test_clear_value_of_a_16_bit_picture_is_white() -> None:
    picture = Image.fromarray(np.array([[0, 65535, 514]], dtype=np.uint16))
    picture.info["transparency"] = 0
    assert pixels_of(picture)[0, :, 0].tolist() == [255, 255, 2]


def test_deep_greys_of_pillow() -> None:
    grey = Image.fromarray(np.array([[0, 100, 255]], dtype=np.uint8))
    assert pixels_of(grey.convert("I"))[0, :, 0].tolist() == [0, 100, 255]
    assert pixels_of(grey.convert("F"))[0, :, 0].tolist() == [0, 100, 255]
    unit = Image.fromarray(np.array([[0, 0.5, 1]], dtype=np.float32))
    assert pixels_of(unit)[0, :, 0].tolist() == [0, 128, 255]
    with pytest.raises(ImageError, match="black and white are not defined"):
        load_image(Image.fromarray(np.array([[-5, 70000]], dtype=np.int32)))


def test_bilevel_and_bool() -> None:
    bits = np.array([[True, False]])
    expected = [[[255] * 3, [0] * 3]]
    assert pixels_of(bits).tolist() == expected
    assert pixels_of(encode(Image.fromarray(bits))).tolist() == expected


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind: str) -> None:
    """Adobe stores the inks of a JPEG inverted; white must stay white."""
    inks = Image.new("CMYK", (16, 16), (0, 0, 0, 0))
    inks.paste((0, 255, 255, 0), (0, 0, 8, 16))
    found = pixels_of(encode(inks, kind, **({"quality": 100} if kind == "JPEG" else {}))).astype(
        int
    )
    assert np.abs(found[:, 12:] - (255, 255, 255)).max() <= 6
    assert np.abs(found[:, :4] - (255, 0, 0)).max() <= 6


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP"])
def test_first_frame_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert (pixels_of(data) == (255, 0, 0)).all()


def test_result_shares_nothing_with_the_source(colours: npt.NDArray[np.uint8]) -> None:
    source = Image.fromarray(colours.copy())
    load_image(source).putpixel((0, 0), (0, 0, 0))
    np.testing.assert_array_equal(np.asarray(source), colours)
    array = colours.copy()
    load_image(array).putpixel((0, 0), (0, 0, 0))
    np.testing.assert_array_equal(array, colours)


@pytest.mark.parametrize("mode", ["LA", "La", "PA", "RGBA", "RGBa", "I;16", "I", "F", "P", "array"])
def test_bands_leave_no_seams(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(2).integers(0, 256, (50, 30, 4), dtype=np.uint8)
    picture = Image.fromarray(values)
    source: ImageSource = values
    if mode == "I;16":
        source = Image.fromarray(values[:, :, 0].astype(np.uint16) * 200)
    elif mode == "P":
        source = picture.convert("RGB").quantize(16)
        source.info["transparency"] = bytes(range(0, 160, 10))
    elif mode != "array":
        source = picture.convert("LA" if mode in {"La", "PA"} else "RGBA").convert(mode)
    at_once = pixels_of(source)
    assert len(np.unique(at_once)) > 8
    monkeypatch.setattr(flatten, "_BAND_PIXELS", 100)  # three rows; the last band has two
    np.testing.assert_array_equal(pixels_of(source), at_once)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4,), np.uint8), r"must have shape .* not \(4,\)"),
        (np.zeros((4, 4, 2), np.uint8), "must have shape"),
        (np.zeros((1, 4, 4, 3), np.uint8), "must have shape"),
        (np.zeros((0, 4, 3), np.uint8), "nothing to read"),
        (np.zeros((4, 4), np.int64), "not int64"),
        (np.zeros((4, 4), np.complex64), "not complex64"),
        (np.full((4, 4), 255.0), "from 0 to 1, not 255 to 255"),
        (np.full((4, 4), np.nan), "from 0 to 1"),
        (np.array([["a"]]), "must be uint8"),
    ],
)
def test_array_that_is_no_picture(array: npt.NDArray[np.generic], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        load_image(array)


@pytest.mark.parametrize("source", [None, 3, ["a.png"], io.StringIO("text")])
def test_object_that_is_no_image(source: ImageSource) -> None:
    with pytest.raises(ImageError, match=r"cannot be a|not bytes"):
        load_image(source)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageNotFoundError, match=r"no such image: .*nowhere\.png"):
        load_image(tmp_path / "nowhere.png")
    with pytest.raises(FileNotFoundError, match="is a folder, not an image"):
        load_image(tmp_path)
    with pytest.raises(ImageNotFoundError, match="cannot read the image"):
        load_image("bad\0name.png")
    with pytest.raises(ImageNotFoundError, match="cannot read the image"):
        load_image("x" * 5000)


def test_empty_and_non_image_files(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(b"")
    with pytest.raises(ImageDecodeError, match=r"image\.png is empty"):
        load_image(path)
    for data in (b"P", b"just text, no image at all", b"\0" * 1000, b"%!PS-Adobe-3.0 EPSF-3.0\n"):
        path.write_bytes(data)
        with pytest.raises(ImageDecodeError) as caught:
            load_image(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_file_is_an_error_not_half_a_picture(
    kind: str, colours: npt.NDArray[np.uint8]
) -> None:
    data = encode(Image.fromarray(colours).resize((200, 200)), kind)
    for keep in (len(data) // 2, 30):
        with pytest.raises(ImageDecodeError, match=r"^the image data|^the image "):
            load_image(data[:keep])


def test_lazy_pillow_image_that_is_truncated(colours: npt.NDArray[np.uint8]) -> None:
    data = encode(Image.fromarray(colours).resize((200, 200)), "BMP")
    with pytest.raises(ImageDecodeError):
        load_image(Image.open(io.BytesIO(data[: len(data) // 2])))


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises width x height pixels."""

    return png(struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"\0" * 1000)


def png(header: bytes, rows: bytes) -> bytes:
    """A PNG of these IHDR bytes and uncompressed rows."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("sides", [(10_000, 10_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_bomb_is_refused_by_its_header(sides: tuple[int, int]) -> None:
    with pytest.raises(
        ImageTooLargeError, match=f"{sides[0]} x {sides[1]} pixels.*max_image_pixels"
    ):
        load_image(bomb(*sides))


def test_thin_picture_is_refused_by_its_header() -> None:
    header = struct.pack(">IIBBBBB", 1, 50_000_000, 8, 0, 0, 0, 0)
    with pytest.raises(
        ImageTooThinError, match=r"^the image data of 1 x 50000000 pixels has sides 50000000:1"
    ):
        load_image(png(header, b"\0" * 1000))
    with pytest.raises(ImageTooThinError, match=r"^the array of 202 x 1 pixels has sides 202:1"):
        load_image(np.zeros((1, 202), np.uint8))


@pytest.mark.parametrize("size", [(1, 200), (200, 1), (1, 201), (3, 602)])
def test_thin_picture_that_rounding_may_save_is_left_to_the_resize(size: tuple[int, int]) -> None:
    assert load_image(Image.new("L", size)).size == size


def tiff(tags: dict[int, int], data: bytes = b"") -> bytes:
    """A little-endian TIFF of these tags, each one LONG; its only strip or tile is `data`."""
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, start if value < 0 else value)
        for tag, value in sorted(tags.items())
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return head + entries + struct.pack("<I", 0) + data


def test_tile_that_is_larger_than_any_picture_is_refused() -> None:
    """libtiff decodes it whole: 1.5 MB of zeros in a picture of 16 x 16 took 1.5 GB."""
    tags = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1, 324: -1, 325: 100}
    with pytest.raises(ImageTooLargeError, match="a tile of the image data has 23008 x 23008"):
        load_image(tiff({**tags, 322: 23008, 323: 23008}, bytes(100)))
    rows = zlib.compress(bytes(256 * 256))
    small = tiff({**tags, 325: len(rows), 322: 256, 323: 256}, rows)
    assert load_image(small).size == (16, 16)


def test_libtiff_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(encode(Image.linear_gradient("L"), "TIFF", compression="tiff_lzw"))
    at = data.index(b"\x80")  # LZW's first code
    data[at : at + 400] = b"\xff" * 400
    with pytest.raises(ImageDecodeError):
        load_image(bytes(data))
    assert capfd.readouterr().err == ""


def test_webp_bomb_is_refused_before_pillow_makes_a_decoder() -> None:
    for chunk in (
        b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\x3f\0" * 2,
        b"VP8L" + struct.pack("<I", 10) + b"\x2f\xff\xff\xff\x0f" + bytes(5),
        b"VP8 " + struct.pack("<I", 10) + b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 16383, 16383),
    ):
        data = b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk
        with pytest.raises(ImageTooLargeError, match=r"1638[34] x 1638[34] .*max_image_pixels"):
            load_image(data)


def test_size_in_the_header_of_a_webp_is_its_size() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 1
    for options in ({}, {"lossless": True}, {"exif": exif}):
        data = encode(Image.new("RGB", (301, 17), "red"), "WEBP", **options)
        assert webp_size(data) == (301, 17)
        assert webp_size(data[:29]) is None


def test_limit_on_pixels_is_an_option(colours: npt.NDArray[np.uint8]) -> None:
    data = encode(Image.fromarray(colours))
    for source in (data, colours, Image.fromarray(colours)):
        assert load_image(source, max_image_pixels=WIDTH * HEIGHT).size == (WIDTH, HEIGHT)
        with pytest.raises(ImageTooLargeError):
            load_image(source, max_image_pixels=WIDTH * HEIGHT - 1)


def test_pillows_own_limit_neither_matters_nor_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A raised limit of ours is enough: Pillow does not warn (here warnings are errors)."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    picture = Image.new("RGB", (6, 5), "red")
    assert load_image(encode(picture)).size == (6, 5)
    assert Image.MAX_IMAGE_PIXELS == 20


def test_bomb_that_pillow_finds_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frame of a GIF may be larger than its header says; only the plugin sees that."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    data = bytearray(encode(Image.new("P", (8, 8)), "GIF"))
    data[6:10] = struct.pack("<HH", 2, 2)
    with pytest.raises(ImageTooLargeError, match="Pillow's limit"):
        load_image(bytes(data))


def test_limit_on_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "MAX_FILE_BYTES", 100)
    path = tmp_path / "large.png"
    path.write_bytes(bytes(101))
    for source in (path, bytes(101), io.BytesIO(bytes(101))):
        with pytest.raises(ImageTooLargeError, match="over the limit of 100 bytes"):
            load_image(source)


@pytest.mark.parametrize("before", [b"", b"\r\n", b"x" * 1000])
def test_a_pdf_is_told_where_to_go(before: bytes) -> None:
    with pytest.raises(ImageDecodeError) as error:
        load_image(before + b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj")
    assert str(error.value) == "the image data is a PDF, not an image; ppocrvl parse reads PDFs"


def test_a_picture_that_speaks_of_pdf_is_a_picture(colours: npt.NDArray[np.uint8]) -> None:
    data = encode(Image.fromarray(colours), "JPEG", comment=b"%PDF-1.7", quality=100)
    assert b"%PDF-" in data[:1024]
    assert pixels_of(data).shape == (HEIGHT, WIDTH, 3)
