from __future__ import annotations

import io
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageFile
from scan_files import pillow_bytes, ramp, raw_png

from tumorlens.errors import InputError, LimitError, UnreadableFileError
from tumorlens.io import COLOR_WARNING, encode_png, read_scan
from tumorlens.io.raster import read_raster
from tumorlens.scan import Scan, Source


def read(content: bytes, kind: str) -> Scan:
    return read_raster(content, Source(format=kind))  # type: ignore[arg-type]


def cv2_png(array: np.ndarray) -> bytes:
    return cv2.imencode(".png", array)[1].tobytes()


def tiff(array: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **options)
    return stream.getvalue()


@settings(max_examples=25, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.integers(16, 30), st.integers(16, 30)),
        elements=st.integers(0, 255),
    ).filter(lambda array: array.min() != array.max()),
    st.sampled_from([1, 257]),
)
def test_grey_png_and_tiff_keep_every_value(pixels: np.ndarray, factor: int) -> None:
    if pixels.dtype == np.uint16:
        pixels = pixels * np.uint16(factor)
    assert np.array_equal(read(encode_png(pixels), "png").slice().pixels, pixels)
    assert np.array_equal(read(pillow_bytes(pixels, "TIFF"), "tiff").slice().pixels, pixels)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF"])
def test_grey_rgb_reads_like_grey_without_warning(kind: str) -> None:
    grey = ramp()
    scan = read(pillow_bytes(np.dstack([grey] * 3), kind, **({"quality": 100} if kind == "JPEG" else {})), kind.lower())
    assert np.abs(scan.slice().pixels - grey).max() <= (3 if kind == "JPEG" else 0)
    assert scan.warnings == ()
    assert (scan.spacing_mm, scan.spacing_source) == (None, "none")


def test_dpi_is_no_spacing() -> None:
    assert read(pillow_bytes(ramp(), "PNG", dpi=(96, 96)), "png").spacing_mm is None


def test_color_becomes_luma_with_a_warning() -> None:
    rgb = np.zeros((20, 20, 3), np.uint8)
    rgb[:10, :, 0], rgb[10:, :, 2] = 200, 100
    scan = read(pillow_bytes(rgb, "PNG"), "png")
    assert scan.warnings == (COLOR_WARNING,)
    assert scan.slice().pixels[0, 0] == pytest.approx(0.299 * 200, abs=1e-3)
    assert scan.slice().pixels[19, 0] == pytest.approx(0.114 * 100, abs=1e-3)


def test_palette_and_one_bit() -> None:
    grey = ramp() // 4 * 4
    indexed = Image.fromarray(grey).convert("P")
    assert np.array_equal(read(pillow_bytes(indexed, "PNG"), "png").slice().pixels, grey)
    bits = grey > 100
    assert np.array_equal(read(pillow_bytes(Image.fromarray(bits), "PNG"), "png").slice().pixels, bits * 255.0)
    assert np.array_equal(read(pillow_bytes(Image.fromarray(bits), "TIFF"), "tiff").slice().pixels, bits * 255.0)


def test_transparent_palette_entry_is_black() -> None:
    indexed = Image.fromarray(np.where(ramp() > 128, 1, 0).astype(np.uint8), mode="P")
    indexed.putpalette([255, 255, 255, 90, 90, 90])
    scan = read(pillow_bytes(indexed, "PNG", transparency=0), "png")
    assert set(np.unique(scan.slice().pixels)) == {0.0, 90.0}


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_is_laid_onto_black(channels: int, dtype: type) -> None:
    top = np.iinfo(dtype).max
    grey = ramp(dtype=dtype)
    alpha = np.full_like(grey, top)
    alpha[:, :8], alpha[:, 8:16] = 0, top // 5
    stacked = np.dstack([*[grey] * (channels - 1), alpha])
    lines = b"".join(b"\0" + row.astype(f">u{dtype().itemsize}").tobytes() for row in stacked)
    content = raw_png(*grey.shape, dtype().itemsize * 8, 4 if channels == 2 else 6, lines)
    expected = grey * (alpha.astype(np.float64) / top)
    assert np.allclose(read(content, "png").slice().pixels, expected, rtol=1e-5)


def test_sixteen_bit_color_keeps_sixteen_bits() -> None:
    grey = ramp(dtype=np.uint16)
    rgb = np.dstack([grey, grey, grey])
    assert np.array_equal(read(cv2_png(rgb), "png").slice().pixels, grey)
    for options in ({}, {"bigtiff": True}, {"byteorder": ">"}):
        assert np.array_equal(read(tiff(rgb, photometric="rgb", **options), "tiff").slice().pixels, grey)
    red = np.dstack([grey, np.zeros_like(grey), np.zeros_like(grey)])
    scan = read(cv2_png(red[:, :, ::-1]), "png")
    assert np.allclose(scan.slice().pixels, grey * 0.299, rtol=1e-4)
    assert scan.warnings == (COLOR_WARNING,)


def test_tiff_kinds() -> None:
    grey = ramp(dtype=np.uint16)
    assert np.array_equal(read(tiff(grey, byteorder=">"), "tiff").slice().pixels, grey)
    assert np.array_equal(read(tiff(grey, bigtiff=True), "tiff").slice().pixels, grey)
    assert np.array_equal(read(tiff(grey, photometric="miniswhite"), "tiff").slice().pixels, 65535.0 - grey)
    for dtype in (np.int8, np.int16, np.int32, np.uint32):
        pixels = ramp(dtype=dtype) - dtype(np.iinfo(dtype).min < 0) * 100
        assert np.array_equal(read(tiff(pixels), "tiff").slice().pixels, pixels.astype(np.float32)), dtype
    signed = ramp(dtype=np.float32) / 7 - 20
    assert np.array_equal(read(tiff(signed), "tiff").slice().pixels, signed)
    assert np.array_equal(read(pillow_bytes(ramp(), "TIFF", compression="tiff_lzw"), "tiff").slice().pixels, ramp())


def test_nan_in_float_tiff_is_background() -> None:
    pixels = ramp(dtype=np.float32)
    pixels[0, :3] = np.nan
    scan = read(tiff(pixels), "tiff")
    assert "3 of the 768 values" in scan.warnings[0]
    assert (scan.slice().pixels[0, :3] == np.nanmin(pixels)).all()


_TURNED = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).T,
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    scan = read(pillow_bytes(ramp(), kind, exif=exif), kind.lower())
    expected = _TURNED[orientation](ramp()).astype(float)
    assert scan.shape[1:] == expected.shape
    assert np.abs(scan.slice().pixels - expected).max() <= (20 if kind == "JPEG" else 0)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_of_sixteen_bit_color_tiff(orientation: int) -> None:
    grey = ramp(dtype=np.uint16)
    content = tiff(np.dstack([grey] * 3), photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    assert np.array_equal(read(content, "tiff").slice().pixels, _TURNED[orientation](grey))


def test_cmyk_jpeg() -> None:
    grey = ramp()
    scan = read(pillow_bytes(Image.fromarray(np.dstack([grey] * 3)).convert("CMYK"), "JPEG", quality=100), "jpeg")
    assert np.abs(scan.slice().pixels - grey).max() <= 4


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_cut_anywhere_is_refused(options: dict[str, bool]) -> None:
    content = pillow_bytes(ramp(), "JPEG", **options)
    for length in range(3, len(content)):
        with pytest.raises(UnreadableFileError):
            read(content[:length], "jpeg")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_other_pictures_cut_anywhere_are_refused(kind: str) -> None:
    content = pillow_bytes(ramp(), kind)
    for length in [*range(8, len(content) - 8, 7), len(content) - 6]:
        try:
            scan = read(content[:length], kind.lower())
        except UnreadableFileError:
            continue
        assert np.array_equal(scan.slice().pixels, ramp())  # only what follows the pixels was cut


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF"])
def test_one_pixel_is_too_small(kind: str) -> None:
    with pytest.raises(LimitError, match="1 x 1 pixels"):
        read(pillow_bytes(np.zeros((1, 1), np.uint8), kind), kind.lower())


def huge(kind: str) -> bytes:
    """A file of a few kB whose header says 20,000 x 20,000."""
    if kind == "png":
        return raw_png(20_000, 20_000, 8, 0, b"\0" * 100)
    content = bytearray(pillow_bytes(ramp(16, 48), kind.upper()))
    small_cols, small_rows = (48).to_bytes(2, "little"), (16).to_bytes(2, "little")
    if kind == "bmp":
        content[18:26] = (20_000).to_bytes(4, "little") * 2
    elif kind == "jpeg":
        at = content.index(b"\xff\xc0")
        content[at + 5 : at + 9] = (20_000).to_bytes(2, "big") * 2
    else:
        for tag, old in ((b"\x00\x01", small_cols), (b"\x01\x01", small_rows)):
            at = next(
                i for i in range(8, len(content) - 12)
                if content[i : i + 2] == tag and content[i + 8 : i + 10] == old
            )  # fmt: skip
            content[at + 8 : at + 10] = (20_000).to_bytes(2, "little")
    return bytes(content)


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "tiff"])
def test_20000_by_20000_is_refused_from_the_header(
    kind: str, recwarn: pytest.WarningsRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = huge(kind)

    def decoded(*_: object, **__: object) -> None:
        raise AssertionError("the picture was decoded")

    for module, name in ((cv2, "imdecode"), (Image.Image, "load"), (ImageFile.ImageFile, "load"), (zlib, "decompress")):
        monkeypatch.setattr(module, name, decoded)
    with pytest.raises(LimitError, match="20,000 x 20,000 pixels"):
        read(content, kind)
    assert not recwarn.list


def test_several_pictures_in_a_png_are_refused() -> None:
    pages = [Image.fromarray(ramp()), Image.fromarray(255 - ramp())]
    content = pillow_bytes(pages[0], "PNG", save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match="holds 2 pictures"):
        read(content, "png")


def test_constant_picture_is_refused() -> None:
    with pytest.raises(InputError, match=r"same value \(7\)"):
        read(pillow_bytes(np.full((20, 20), 7, np.uint8), "PNG"), "png")


def test_big_endian_bigtiff_is_refused_by_name() -> None:
    with pytest.raises(UnreadableFileError, match="big-endian BigTIFF"):
        read(tiff(ramp(), bigtiff=True, byteorder=">"), "tiff")


def test_names_with_spaces_and_other_alphabets(tmp_path: Path) -> None:
    path = tmp_path / "Schädel 头 1.png"
    path.write_bytes(cv2_png(np.dstack([ramp(dtype=np.uint16)] * 3)))
    assert np.array_equal(read_scan(path).slice().pixels, ramp(dtype=np.uint16))
