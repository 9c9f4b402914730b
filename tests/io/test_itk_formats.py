"""NRRD and MetaImage, against SimpleITK and against files made by hand."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from scan_files import ramp

from tumorlens.errors import InputError, LimitError, UnreadableFileError
from tumorlens.io import read_scan
from tumorlens.io.formats import metaimage, nrrd
from tumorlens.io.request import ReadRequest

SHAPE = (40, 32, 5)
VOLUME = ramp(40, 160, np.int16).reshape(SHAPE, order="F")
NRRD = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "40 32 5",
    "space directions": "(1.5,0,0) (0,1.25,0) (0,0,6)",
    "kinds": "domain domain domain",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(-20,-30,10)",
}
META = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "-20 -30 10",
    "ElementSpacing": "1.5 1.25 6",
    "DimSize": "40 32 5",
    "ElementType": "MET_SHORT",
    "ElementDataFile": "LOCAL",
}


def as_nrrd(content: bytes | None = None, **changes: str | None) -> bytes:
    fields = NRRD | {name.replace("_", " "): value for name, value in changes.items()}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    header = "\n".join(["NRRD0004", "# a comment", *lines, "key:=value", "", ""])
    return header.encode() + (VOLUME.tobytes(order="F") if content is None else content)


def as_meta(content: bytes | None = None, **changes: str | None) -> bytes:
    last = changes.pop("ElementDataFile", META["ElementDataFile"])
    fields = META | changes | {"ElementDataFile": None}
    lines = [f"{name} = {value}" for name, value in fields.items() if value is not None]
    lines += [] if last is None else [f"ElementDataFile = {last}"]
    return ("\n".join(lines) + "\n").encode() + (VOLUME.tobytes(order="F") if content is None else content)


def saved(folder: Path, content: bytes, name: str = "scan") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("make", [as_nrrd, as_meta])
def test_values_and_geometry_go_with_the_scan(tmp_path: Path, make: object) -> None:
    scan = read_scan(saved(tmp_path, make()))  # type: ignore[operator]
    assert (scan.shape, scan.plane, scan.warnings) == ((5, 32, 40), "axial", ())
    assert (scan.spacing_mm, scan.slice_mm) == ((1.25, 1.5), 6.0)
    assert scan.spacing_source == scan.source.format
    assert scan.pixels.dtype == np.int16
    for index in ((0, 0, 0), (4, 31, 39), (2, 7, 11)):
        place = scan.affine @ [*index, 1]
        i, j, k = (place[:3] * [-1, -1, 1] - [-20, -30, 10]) / [1.5, 1.25, 6]
        assert scan.pixels[index] == VOLUME[round(i), round(j), round(k)]


@pytest.mark.parametrize("name", ["v.nrrd", "v.mha", "v.mhd", "v.nhdr"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32])
def test_it_reads_what_simpleitk_writes_where_the_nifti_of_it_lies(
    tmp_path: Path, name: str, packed: bool, kind: type
) -> None:
    image = sitk.GetImageFromArray(ramp(64, 100, kind).reshape(4, 40, 40))
    turn = 0.3
    image.SetDirection([np.cos(turn), -np.sin(turn), 0, np.sin(turn), np.cos(turn), 0, 0, 0, 1])
    image.SetSpacing([1.0, 1.5, 5.0])
    image.SetOrigin([-30.0, 12.0, 7.0])
    sitk.WriteImage(image, str(tmp_path / name), packed)
    sitk.WriteImage(image, str(tmp_path / "v.nii"))
    scan, other = read_scan(tmp_path / name), read_scan(tmp_path / "v.nii")
    assert np.array_equal(scan.pixels, other.pixels)
    assert np.allclose(scan.affine, other.affine, atol=1e-4)
    assert scan.spacing_mm == pytest.approx(other.spacing_mm)


def test_encodings_and_byte_orders(tmp_path: Path) -> None:
    swapped, plain = VOLUME.astype(">i2").tobytes(order="F"), VOLUME.tobytes(order="F")
    expected = read_scan(saved(tmp_path, as_nrrd())).pixels
    files = [
        as_nrrd(swapped, endian="big"),
        as_nrrd(gzip.compress(plain[:900]) + gzip.compress(plain[900:]), encoding="gzip"),
        as_meta(swapped, BinaryDataByteOrderMSB="True"),
        as_meta(zlib.compress(plain), CompressedData="True"),
    ]
    for content in files:
        assert np.array_equal(read_scan(saved(tmp_path, content)).pixels, expected)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (as_nrrd()[:-1], "truncated"),
        (as_nrrd()[:60], "truncated"),
        (as_nrrd(encoding="bzip2"), "neither raw nor gzip"),
        (as_nrrd(encoding="ascii"), "neither raw nor gzip"),
        (as_nrrd(gzip.compress(VOLUME.tobytes())[:500], encoding="gzip"), "truncated or damaged"),
        (as_nrrd(b"no gzip" * 9, encoding="gzip"), "truncated or damaged"),
        (as_nrrd(kinds="vector domain domain"), "vectors, colors"),
        (as_nrrd(kinds="RGB-color domain domain"), "vectors, colors"),
        (as_nrrd(kinds="domain domain list"), "vectors, colors"),
        (as_nrrd(dimension="4", sizes="3 40 32 5"), "4 axes"),
        (as_nrrd(dimension="2"), "3 axes"),
        (as_nrrd(type="block"), "type is not"),
        (as_nrrd(type=None), "does not state its type"),
        (as_nrrd(endian=None), "endian"),
        (as_nrrd(byte_skip="-1"), "skips"),
        (as_nrrd(data_file="gone.raw"), "not beside it"),
        (as_nrrd(data_file="../up.raw"), "not one file beside"),
        (as_nrrd(data_file="LIST"), "not one file beside"),
        (as_nrrd(sizes="forty 32 5"), "damaged"),
        (as_meta()[:-1], "truncated"),
        (as_meta(ElementDataFile=None), "no ElementDataFile"),
        (as_meta(ElementType="MET_UCHAR_ARRAY"), "ElementType is not"),
        (as_meta(ElementNumberOfChannels="3"), "vectors or colors"),
        (as_meta(NDims="4", DimSize="40 32 5 2"), "4 axes"),
        (as_meta(b"no zlib", CompressedData="True"), "truncated or damaged"),
        (as_meta(BinaryData="False"), "stores text"),
        (as_meta(ElementDataFile="gone.raw"), "not beside it"),
        (as_meta(ElementDataFile="/etc/passwd"), "not one file beside"),
        (as_meta(ElementDataFile="scan%03d.raw 1 5 1"), "not one file beside"),
        (as_meta(ElementType=None), "does not state its ElementType"),
    ],
)
def test_what_is_not_read_is_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(UnreadableFileError, match=re.escape(words)) as caught:
        read_scan(saved(tmp_path, content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sizes", ["30000 30000 2", "0 32 5", "-4 -4 40", "16000 16000 16000"])
def test_absurd_sizes_are_refused_before_anything_is_inflated(
    tmp_path: Path, sizes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (nrrd, metaimage):
        monkeypatch.setattr(module, "stored_bytes", lambda *_: pytest.fail("inflated"))
    for content in (as_nrrd(sizes=sizes, encoding="gzip"), as_meta(DimSize=sizes, CompressedData="True")):
        with pytest.raises(LimitError):
            read_scan(saved(tmp_path, content))
    for content in (as_nrrd(), as_meta()):
        with pytest.raises(LimitError, match="--memory"):
            read_scan(saved(tmp_path, content), ReadRequest(memory=20_000))


def test_without_a_stated_size_there_are_no_millimeters(tmp_path: Path) -> None:
    bare = {"space": None, "space_directions": None, "space_origin": None}
    files = (as_nrrd(**bare), as_meta(ElementSpacing=None, TransformMatrix=None))
    for content in files:
        scan = read_scan(saved(tmp_path, content))
        assert (scan.spacing_mm, scan.spacing_source) == (None, "none")
        assert any("no voxel size" in warning for warning in scan.warnings)
    assert read_scan(saved(tmp_path, as_nrrd(spacings="1.5 1.25 6", **bare))).spacing_mm == (1.25, 1.5)


def test_a_flat_picture_is_one_slice(tmp_path: Path) -> None:
    plain = VOLUME[:, :, 1].tobytes(order="F")
    flat = {"dimension": "2", "sizes": "40 32", "kinds": None, "space": None, "space_directions": None}
    assert read_scan(saved(tmp_path, as_nrrd(plain, **flat))).shape == (1, 32, 40)
    meta = as_meta(plain, NDims="2", DimSize="40 32", ElementSpacing="1 1", Offset="0 0", TransformMatrix="1 0 0 1")
    assert read_scan(saved(tmp_path, meta)).shape == (1, 32, 40)
    with pytest.raises(InputError, match="same value"):
        read_scan(saved(tmp_path, as_meta(bytes(VOLUME.nbytes))))
