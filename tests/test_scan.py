from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tumorlens import Scan
from tumorlens.errors import InputError, InvalidScanError, UsageError
from tumorlens.scan import Grid, Source, as_slice, parse_spacing

FINITE = st.floats(-1e6, 1e6, width=32)
PLANES = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6), elements=FINITE)
LENGTHS = st.floats(1e-3, 1e3)


def volume(slices: int = 5) -> Scan:
    pixels = np.arange(slices * 12, dtype=np.float32).reshape(slices, 3, 4)
    affine = np.array([[0, 0, 0.5, -10], [0, 0.4, 0, 20], [3.0, 0, 0, 30], [0, 0, 0, 1]])
    return Scan(pixels, (3.0, 0.4, 0.5), "nifti", affine=affine, modality="MR")


@given(PLANES)
def test_pixels_are_kept_as_float32_and_read_only(pixels: np.ndarray) -> None:
    scan = Scan(pixels)
    whole = pixels if pixels.ndim == 3 else pixels[None]
    assert scan.pixels.dtype == np.float32
    assert scan.shape == whole.shape
    assert scan.is_volume == (len(whole) > 1)
    np.testing.assert_array_equal(scan.pixels, whole)
    with pytest.raises(ValueError, match="read-only"):
        scan.pixels[...] = 1


@given(PLANES)
def test_scan_owns_its_pixels(pixels: np.ndarray) -> None:
    before = pixels.copy()
    scan = Scan(pixels)
    pixels += 1
    np.testing.assert_array_equal(scan.pixels, before.reshape(scan.shape))


def test_view_of_float32_array_is_copied() -> None:
    pixels = np.zeros((8, 8), np.float32)
    scan = Scan(pixels[:4])
    pixels[:] = 7
    assert scan.pixels.max() == 0


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        *((one, one) for one in (np.uint8, np.int8, np.int16, np.uint16, np.int32, np.float32)),
        *((one, np.float32) for one in (np.float64, np.float16, np.int64)),
        (np.bool_, np.uint8),
        (">i2", np.int16),
    ],
)
def test_integers_keep_their_type_until_a_slice_is_prepared(dtype: type, kept: type) -> None:
    scan = Scan(np.eye(4).astype(dtype))
    assert scan.pixels.dtype == kept
    assert scan.slice().pixels.dtype == np.float32
    np.testing.assert_array_equal(scan.slice().pixels, np.eye(4))


def test_a_changed_field_copies_no_pixels() -> None:
    scan = volume()
    assert np.shares_memory(dataclasses.replace(scan, modality="CT").pixels, scan.pixels)
    assert np.shares_memory(scan.with_spacing((1, 1)).pixels, scan.pixels)


@pytest.mark.parametrize("shape", [(4,), (2, 2, 2, 2), (), (0, 4), (3, 0, 4)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidScanError):
        Scan(np.zeros(shape))


@given(PLANES, st.data(), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_one_pixel_that_is_not_finite_is_refused(pixels: np.ndarray, data: st.DataObject, value: float) -> None:
    broken = pixels.copy()
    broken.flat[data.draw(st.integers(0, broken.size - 1))] = value
    with pytest.raises(InvalidScanError, match="NaN or infinite"):
        Scan(broken)


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (-1.0, 1.0), (np.nan, 1.0), (np.inf, 1.0), (1.0,), (1.0,) * 4])
def test_impossible_spacing_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(InvalidScanError, match="spacing"):
        Scan(np.eye(4), spacing, "user")


def test_spacing_and_its_source_come_together() -> None:
    with pytest.raises(InvalidScanError, match="spacing_source"):
        Scan(np.eye(4), (1.0, 1.0))
    with pytest.raises(InvalidScanError, match="spacing_source"):
        Scan(np.eye(4), None, "dicom")
    with pytest.raises(InvalidScanError, match="guess"):
        Scan(np.eye(4), (1.0, 1.0), "guess")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "affine", [np.eye(3), np.full((4, 4), np.nan), np.zeros((4, 4)), np.diag([1.0, 1.0, 0.0, 1.0])]
)
def test_impossible_affine_is_refused(affine: np.ndarray) -> None:
    with pytest.raises(InvalidScanError):
        Scan(np.zeros((2, 3, 4)), affine=affine)


def test_affine_is_copied_and_read_only() -> None:
    affine = np.eye(4)
    scan = Scan(np.zeros((2, 3, 4)), affine=affine)
    affine[0, 0] = 9
    assert scan.affine is not None
    assert scan.affine[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        scan.affine[0, 0] = 2


def test_scan_is_frozen() -> None:
    scan = Scan(np.eye(4))
    with pytest.raises(dataclasses.FrozenInstanceError):
        scan.modality = "CT"  # type: ignore[misc]


@given(PLANES.filter(lambda pixels: pixels.ndim == 2), LENGTHS, LENGTHS)
def test_user_spacing_changes_nothing_else(pixels: np.ndarray, row: float, col: float) -> None:
    scan = Scan(pixels, (2.0, 2.0), "dicom", modality="MR", source=Source("a.dcm", "0" * 64, "dicom"), warnings=("w",))
    stated = scan.with_spacing((row, col))
    assert stated.spacing_mm == (row, col)
    assert stated.spacing_source == "user"
    assert (stated.modality, stated.source, stated.warnings) == (scan.modality, scan.source, scan.warnings)
    np.testing.assert_array_equal(stated.slice().pixels, pixels)
    assert scan.spacing_mm == (2.0, 2.0)


def test_user_spacing_of_a_volume_keeps_the_slice_distance() -> None:
    stated = volume().with_spacing((1.0, 2.0))
    assert (stated.spacing_mm, stated.slice_mm) == ((1.0, 2.0), 3.0)
    bare = Scan(np.zeros((2, 3, 4))).with_spacing((1.0, 1.0))
    assert (bare.spacing_mm, bare.slice_mm) == ((1.0, 1.0), None)


def test_user_spacing_needs_two_numbers() -> None:
    with pytest.raises(UsageError, match="two numbers"):
        Scan(np.eye(4)).with_spacing((1.0, 1.0, 1.0))  # type: ignore[arg-type]


@given(st.integers(1, 6), st.data())
def test_slice_keeps_pixels_spacing_and_place(slices: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, slices - 1))
    whole = volume(slices)
    one = whole.slice(index)
    np.testing.assert_array_equal(one.pixels, whole.pixels[index])
    assert one.spacing_mm == (0.4, 0.5)
    assert one.spacing_source == "nifti"
    assert whole.affine is not None
    assert one.affine is not None
    for row, col in [(0, 0), (2, 3)]:
        np.testing.assert_allclose(one.affine @ [0, row, col, 1], whole.affine @ [index, row, col, 1])


@pytest.mark.parametrize(("slices", "middle"), [(1, 0), (2, 1), (5, 2)])
def test_middle_slice_by_default(slices: int, middle: int) -> None:
    whole = volume(slices)
    np.testing.assert_array_equal(whole.slice().pixels, whole.pixels[middle])


@pytest.mark.parametrize("index", [-1, 5, 99])
def test_slice_that_does_not_exist(index: int) -> None:
    with pytest.raises(UsageError, match=r"this scan has 5, numbered 0 to 4"):
        volume(5).slice(index)


def test_single_image_is_its_own_slice() -> None:
    scan = Scan(np.eye(4))
    for flat in (scan.slice(), scan.slice(0)):
        assert (flat.scan, flat.index, flat.shape) == (scan, 0, (4, 4))
    with pytest.raises(UsageError, match="has 1, numbered 0 to 0"):
        scan.slice(1)


def test_errors_are_one_sentence_for_the_user() -> None:
    for make in (lambda: Scan(np.zeros(3)), lambda: Scan(np.zeros((0, 1))), lambda: Scan(np.full((2, 2), np.nan))):
        with pytest.raises(InputError) as caught:
            make()
        text = str(caught.value)
        assert "\n" not in text
        assert text.endswith(".")


@given(LENGTHS, LENGTHS)
def test_a_spacing_in_words_is_row_then_column(row: float, col: float) -> None:
    assert parse_spacing(f" {row!r} ,{col!r}") == (row, col)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1", "two numbers, ROW,COL"),
        ("1,2,3", "two numbers, ROW,COL"),
        ("", "two numbers, ROW,COL"),
        ("a,1", "two numbers, ROW,COL"),
        ("0,1", "above 0"),
        ("1,-1", "above 0"),
        ("nan,1", "finite"),
        ("1,1e999", "finite"),
    ],
)
def test_words_that_are_no_spacing_are_quoted_in_the_error(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        parse_spacing(text)
    assert repr(text) in str(error.value)


@given(st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3), st.tuples(*[st.integers(1, 5)] * 3))
def test_a_grid_gives_back_each_voxel(order: list[int], flips: tuple[bool, bool, bool], shape: tuple[int, ...]) -> None:
    affine = np.array([[0.9, 0.1, 0, 5], [-0.1, 1.2, 0, -7], [0, 0.2, 3, 9], [0, 0, 0, 1]])
    grid = Grid(shape, affine, tuple(order), flips)  # type: ignore[arg-type]
    stored = np.arange(np.prod(shape)).reshape(shape)
    turned = grid.from_stored(stored)
    np.testing.assert_array_equal(grid.to_stored(turned), stored)
    for index in np.ndindex(turned.shape):
        voxel = np.argwhere(stored == turned[index])[0]
        np.testing.assert_allclose(grid.reading_affine @ [*index, 1], affine @ [*voxel, 1])


def test_a_grid_must_fit_the_pixels() -> None:
    with pytest.raises(InvalidScanError, match="3 axes"):
        Grid((2, 3, 4), np.eye(4), (0, 0, 1), (False, False, False))
    grid = Grid((2, 3, 4), np.eye(4), (2, 1, 0), (False, False, False))
    assert Scan(np.zeros((4, 3, 2)), grid=grid).is_volume
    with pytest.raises(InvalidScanError, match="grid stores"):
        Scan(np.zeros((2, 3, 4)), grid=grid)


@pytest.mark.parametrize(("across", "plane"), [(0, "sagittal"), (1, "coronal"), (2, "axial")])
def test_plane_of_the_slices(across: int, plane: str) -> None:
    others = [axis for axis in range(3) if axis != across]
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, [across, *others]]
    assert Scan(np.zeros((2, 3, 4)), affine=affine).plane == plane
    assert Scan(np.zeros((2, 3, 4))).plane is None


def test_one_slice_is_taken_as_it_is_and_several_are_refused() -> None:
    flat = Scan(np.eye(4)).slice()
    assert as_slice(flat) is flat
    assert as_slice(Scan(np.eye(4))).shape == (4, 4)
    with pytest.raises(UsageError, match="5 slices"):
        as_slice(volume())


def test_a_slice_with_other_pixels_keeps_its_place() -> None:
    flat = volume().slice(2)
    other = flat.with_pixels(np.ones((3, 4)))
    assert other.pixels.max() == 1
    np.testing.assert_array_equal(other.affine, flat.affine)
    assert other.spacing_mm == flat.spacing_mm
    assert flat.with_source(Source("b")).source.path == "b"
