from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scan_files import nifti_image

from tumorlens.errors import InputError, InvalidScanError, LimitError, UnreadableFileError, UsageError
from tumorlens.io import gzipped, nifti, read_scan
from tumorlens.io.nifti import read_nifti
from tumorlens.io.request import ANY, ReadRequest
from tumorlens.measurement import measure_volume
from tumorlens.scan import Scan, Source

SHAPE = (18, 20, 22)
VOLUME = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
AFFINE = np.array([[-0.9, 0, 0, 80], [0, 1.1, 0, -100], [0, 0, 3.0, -40], [0, 0, 0, 1.0]])


def read(content: bytes, request: ReadRequest = ANY) -> Scan:
    return read_nifti(content, Source(format="nifti"), request)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("zipped", [False, True])
def test_volume_with_its_geometry(tmp_path: Path, version: int, zipped: bool) -> None:
    content = nifti_image(VOLUME, AFFINE, version=version).to_bytes()
    path = tmp_path / "volume"
    path.write_bytes(gzip.compress(content) if zipped else content)
    scan = read_scan(path)
    assert scan.shape == (22, 20, 18)
    assert (scan.slice_mm, scan.spacing_mm) == (pytest.approx(3.0), pytest.approx((1.1, 0.9)))
    assert scan.pixels.dtype == np.int16
    assert (scan.spacing_source, scan.source.format, scan.warnings) == ("nifti", "nifti", ())
    assert scan.grid is not None
    np.testing.assert_array_equal(scan.grid.to_stored(scan.pixels), VOLUME)


@settings(max_examples=40, deadline=None)
@given(st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([-1, 1])] * 3), st.integers(0, 2**31))
def test_any_stored_order_of_axes_gives_the_same_scan(order: list[int], signs: tuple[int, ...], seed: int) -> None:
    generator = np.random.default_rng(seed)
    sizes = np.array([0.8, 1.3, 2.5])
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (world, sign) in enumerate(zip(order, signs, strict=True)):
        affine[world, axis] = sign * sizes[axis]
    affine[:3, :3] += generator.uniform(-0.05, 0.05, (3, 3))
    affine[:3, 3] = generator.uniform(-100, 100, 3)
    image = nifti_image(VOLUME, affine)
    scan = read(image.to_bytes())
    assert scan.affine is not None
    # Rows run to the back or down, columns to the patient's left or to the back.
    steps = scan.affine[:3, :3]
    runs = {"axial": "SPL", "sagittal": "LIP", "coronal": "PIL"}[str(scan.plane)]
    assert nibabel.aff2axcodes(scan.affine) == tuple(runs)
    # The slices are those of the acquired plane, across the coarsest of the stored axes.
    assert scan.slice_mm == pytest.approx(2.5, abs=0.1)
    assert scan.spacing_mm == pytest.approx(np.linalg.norm(steps, axis=0)[1:])
    # Voxels are as large as the affine says, whether it is sheared or not; the plane's own angle is within a percent.
    assert scan.slice_mm * np.prod(scan.spacing_mm) == pytest.approx(abs(np.linalg.det(steps)), rel=0.01)
    # Each voxel keeps its place in the patient.
    stored = np.argwhere(np.ones(SHAPE))[generator.integers(0, VOLUME.size, 20)]
    for voxel in stored:
        place = image.affine @ [*voxel, 1]
        index = np.rint(np.linalg.solve(scan.affine, place))[:3].astype(int)
        assert np.allclose(scan.affine @ [*index, 1], place, atol=1e-3)
        assert scan.pixels[tuple(index)] == VOLUME[tuple(voxel)]


def test_slices_that_are_shifted_are_as_far_apart_as_their_normal_says() -> None:
    sheared = AFFINE.copy()
    sheared[1, 2] = 3.0
    scan = read(nifti_image(VOLUME, sheared).to_bytes())
    assert (scan.slice_mm, scan.spacing_mm) == (pytest.approx(3.0), pytest.approx((1.1, 0.9)))
    assert [one for one in scan.warnings if "shifted against each other" in one and "3 mm" in one and "4.24 mm" in one]
    bodies = measure_volume(np.ones(scan.shape, bool), scan.spacing_mm, scan.slice_mm, scan.affine)
    assert bodies[0].volume_mm3 == pytest.approx(VOLUME.size * abs(np.linalg.det(sheared[:3, :3])))


def test_rows_and_columns_without_a_right_angle_have_no_millimeters() -> None:
    sheared = AFFINE.copy()
    sheared[0, 1] = 0.5
    scan = read(nifti_image(VOLUME, sheared).to_bytes())
    assert (scan.spacing_mm, scan.slice_mm, scan.spacing_source) == (None, None, "none")
    assert [one for one in scan.warnings if "66 degrees" in one and "lengths stay in pixels" in one]


def test_scaling_is_applied() -> None:
    image = nifti_image(VOLUME, AFFINE)
    image.header.set_slope_inter(0.5, -3)
    content = bytearray(image.to_bytes())
    content[112:120] = np.array([0.5, -3], np.float32).tobytes()
    assert read(bytes(content)).pixels.max() == pytest.approx(VOLUME.max() * 0.5 - 3)


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000.0), ("micron", 0.001)])
def test_other_units_become_millimeters(unit: str, factor: float) -> None:
    scaled = np.diag([1 / factor, 1 / factor, 1 / factor, 1]) @ AFFINE
    scan = read(nifti_image(VOLUME, scaled, unit).to_bytes())
    assert (scan.slice_mm, *scan.spacing_mm) == pytest.approx((3.0, 1.1, 0.9), rel=1e-5)
    assert scan.affine is not None
    assert np.linalg.norm(scan.affine[:3, 2]) == pytest.approx(0.9, rel=1e-5)
    wrong = read(nifti_image(VOLUME, AFFINE, unit).to_bytes())
    assert (wrong.spacing_mm, wrong.slice_mm) == (None, None)
    assert "no head has" in wrong.warnings[0]


def test_no_unit_is_millimetres_with_a_warning() -> None:
    scan = read(nifti_image(VOLUME, AFFINE, "unknown").to_bytes())
    assert (scan.slice_mm, *scan.spacing_mm) == pytest.approx((3.0, 1.1, 0.9))
    assert "no unit" in scan.warnings[0]


def test_header_that_states_nothing_gives_no_spacing() -> None:
    scan = read(nifti_image(VOLUME, None, "unknown").to_bytes())
    assert (scan.spacing_mm, scan.spacing_source) == (None, "none")
    assert any("no voxel size" in warning for warning in scan.warnings)
    assert scan.slice(3).spacing_mm is None


def test_sizes_that_disagree_with_the_affine_are_told() -> None:
    content = bytearray(nifti_image(VOLUME, AFFINE).to_bytes())
    content[80:84] = np.float32(5).tobytes()  # pixdim[1]
    scan = read(bytes(content))
    assert (scan.slice_mm, *scan.spacing_mm) == pytest.approx((3.0, 1.1, 0.9))
    assert "disagree" in scan.warnings[0]


def test_one_slice_and_one_volume_of_four_axes() -> None:
    assert read(nifti_image(VOLUME[:, :, 0], AFFINE).to_bytes()).shape == (1, 20, 18)
    assert read(nifti_image(VOLUME[..., None], AFFINE).to_bytes()).shape == (22, 20, 18)


@pytest.mark.parametrize("zipped", [False, True])
def test_one_of_several_volumes(zipped: bool) -> None:
    content = nifti_image(np.stack([VOLUME, VOLUME + 5, VOLUME + 9], axis=-1), AFFINE).to_bytes()
    content = gzip.compress(content) if zipped else content
    first = read(content)
    assert first.pixels.min() == 0
    assert "holds 3 volumes" in first.warnings[0]
    second = read_nifti(content, Source(format="nifti"), ReadRequest(volume=1))
    assert (second.pixels.min(), second.warnings) == (5, ())
    with pytest.raises(UsageError, match="Volume 3 does not exist: this file has 3, numbered 0 to 2"):
        read_nifti(content, Source(format="nifti"), ReadRequest(volume=3))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinite_voxels_are_background(value: float) -> None:
    volume = VOLUME.astype(np.float32) - 7
    volume[0, :2, 0] = value
    scan = read(nifti_image(volume, AFFINE).to_bytes())
    lowest = np.nanmin(volume[np.isfinite(volume)])
    assert scan.warnings == (f"2 of the 7,920 values are NaN or infinite, and were read as background ({lowest:g}).",)
    assert scan.pixels.min() == lowest
    with pytest.raises(InvalidScanError, match="7,920 of the 7,920 values"):
        read(nifti_image(np.full(SHAPE, value, np.float32), AFFINE).to_bytes())


def test_complex_and_rgb_are_refused() -> None:
    rgb = np.zeros(SHAPE, np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    for volume, words in ((VOLUME.astype(np.complex64), "complex64"), (rgb, "RGB")):
        with pytest.raises(UnreadableFileError, match=words):
            read(nifti_image(volume, AFFINE).to_bytes())


def test_truncated_files() -> None:
    content = nifti_image(VOLUME, AFFINE).to_bytes()
    zipped = gzip.compress(content)
    with pytest.raises(UnreadableFileError, match="is truncated"):
        read(content[:-1])
    for cut in (len(zipped) // 2, len(zipped) - 20):
        with pytest.raises(UnreadableFileError, match="truncated"):
            read(zipped[:cut])
    broken = bytearray(zipped)
    broken[len(broken) // 2] ^= 0xFF
    with pytest.raises(UnreadableFileError, match=r"truncated|damaged"):
        read(bytes(broken))


def test_constant_volume() -> None:
    with pytest.raises(InputError, match="same value"):
        read(nifti_image(np.zeros(SHAPE, np.uint8), AFFINE).to_bytes())


def test_singular_affine() -> None:
    content = bytearray(nifti_image(VOLUME, AFFINE).to_bytes())
    content[280:328] = bytes(48)  # the three rows of the sform
    scan = read(bytes(content))
    assert scan.spacing_mm is None
    assert "sform is singular" in scan.warnings[0]
    assert "left and right are unknown" in scan.warnings[1]


def _bomb(shape: tuple[int, ...], padding: int) -> bytes:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape(shape)
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    return gzip.compress(header.binaryblock + b"\0" * 4 + b"\0" * padding, 9)


def test_gzip_bomb_is_refused_or_read_no_further_than_its_header_says(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LimitError, match="30,000 x 30,000 x 2 voxels"):
        read(_bomb((30_000, 30_000, 2), 1000))
    small = _bomb((20, 20, 20), 200_000_000)
    asked: list[int] = []

    def counted(data: bytes, start: int, count: int) -> bytearray:
        found = gzipped.inflate(data, start, count)
        asked.append(len(found))
        return found

    monkeypatch.setattr(nifti, "inflate", counted)
    with pytest.raises(InputError, match="same value"):
        read(small)
    assert asked == [20**3]


def test_the_memory_is_checked_before_anything_is_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nifti, "inflate", lambda *_: pytest.fail("inflated"))
    with pytest.raises(LimitError, match="the budget is 7,999"):
        read(_bomb((20, 20, 20), 1000), ReadRequest(memory=7_999))
