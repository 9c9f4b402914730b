"""Accuracy of bodies against balls and ellipsoids of known size, and what they say where nothing is stated."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

from tumorlens.errors import UsageError
from tumorlens.measurement import Body, clean_volume, measure_volume

GRIDS = [(1.0, 1.0, 1.0), (1.5, 1.0, 1.0), (3.0, 1.0, 1.0), (5.0, 0.9, 0.9), (6.0, 0.5, 0.5)]
RATIOS = [(1.0, 1.0, 1.0), (2.0, 1.2, 1.0)]


def _rotation(generator: np.random.Generator) -> np.ndarray:
    return np.linalg.qr(generator.normal(size=(3, 3)))[0]


def _ellipsoid(half: np.ndarray, steps: np.ndarray, turn: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Mask of the voxels whose centers lie inside; ``steps`` are the columns (slice, row, col) in millimeters."""
    reach = [math.ceil(half.max() * far) + 2 for far in np.linalg.norm(np.linalg.inv(steps), axis=1)]
    index = np.stack(np.meshgrid(*(np.arange(-far, far + 1) for far in reach), indexing="ij"), axis=-1) - center
    return np.asarray(((index @ steps.T @ turn / half) ** 2).sum(axis=-1) < 1)


def _surface(half: np.ndarray) -> float:
    """Area of an ellipsoid by quadrature."""
    tilt, around = np.meshgrid(
        (np.arange(400) + 0.5) * np.pi / 400, (np.arange(800) + 0.5) * np.pi / 400, indexing="ij"
    )
    a, b, c = half
    across = np.hypot(b * c * np.sin(tilt) * np.cos(around), a * c * np.sin(tilt) * np.sin(around))
    return float((np.hypot(across, a * b * np.cos(tilt)) * np.sin(tilt)).sum() * (np.pi / 400) ** 2)


def _only(mask: np.ndarray, *geometry: object) -> Body:
    (body,) = measure_volume(mask, *geometry)  # type: ignore[arg-type]
    return body


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("ratios", RATIOS)
def test_volume_and_surface_of_turned_ellipsoids_on_oblique_grids(
    grid: tuple[float, float, float], ratios: tuple[float, float, float]
) -> None:
    generator, volumes, surfaces, lengths = np.random.default_rng(11), [], [], []
    for milliliters, _ in itertools.product((2, 10, 50), range(6)):
        half = np.array(ratios) * (milliliters * 750 / math.pi / math.prod(ratios)) ** (1 / 3)
        affine = np.eye(4)
        affine[:3, :3] = _rotation(generator) * grid
        mask = _ellipsoid(half, affine[:3, :3], _rotation(generator), generator.random(3))
        body = _only(mask, grid[1:], grid[0], affine)
        assert body.volume_ml is not None and body.surface_mm2 is not None and body.longest_diameter_3d_mm is not None
        if body.slices_touched < 8:
            continue
        volumes.append(body.volume_ml / milliliters - 1)
        surfaces.append(body.surface_mm2 / _surface(half) - 1)
        lengths.append(body.longest_diameter_3d_mm / (2 * half.max()) - 1)
    if not volumes:
        pytest.fail("No phantom had 8 slices.")
    assert abs(np.mean(volumes)) < 0.01 and np.abs(volumes).max() < 0.05
    assert abs(np.mean(surfaces)) < 0.015 and np.abs(surfaces).max() < 0.05
    assert np.abs(lengths).max() < 0.08


def test_a_sheared_affine_changes_the_length_but_not_the_volume() -> None:
    mask = np.zeros((10, 4, 4), bool)
    mask[:, 1:3, 1:3] = True
    sheared = np.eye(4)
    sheared[:3, :3] = np.array([[2.0, 0, 0], [1.0, 1, 0], [0, 0, 1]])
    upright, leaning = _only(mask, (1, 1), 2.0), _only(mask, (1, 1), 2.0, sheared)
    assert leaning.volume_mm3 == upright.volume_mm3 == 80
    assert leaning.longest_diameter_3d_mm is not None and upright.longest_diameter_3d_mm is not None
    assert leaning.longest_diameter_3d_mm > upright.longest_diameter_3d_mm


def test_a_box_by_hand() -> None:
    mask = np.zeros((6, 9, 9), bool)
    mask[1:4, 2:6, 3:5] = True
    mask[2, 2:6, 5] = True
    affine = np.array([[0.0, 0, -1, 90], [0, -1, 0, 80], [5.0, 0, 0, -10], [0, 0, 0, 1]])
    body = _only(mask, (1, 1), 5.0, affine)
    assert (body.voxels, body.volume_mm3, body.volume_ml) == (28, 140, 0.14)
    assert (body.slices_touched, body.first_slice, body.last_slice, body.largest_slice) == (3, 1, 3, 2)
    assert body.region.area_px == 12 and body.region.bbox == (2, 3, 6, 6)
    assert body.bbox == (1, 2, 3, 4, 6, 6)
    assert body.centroid == pytest.approx((2, 3.5, (24 * 3.5 + 4 * 5) / 28))
    assert body.centroid_ras_mm == pytest.approx((90 - body.centroid[2], 76.5, 0))
    assert body.centroid_lps_mm == pytest.approx((body.centroid[2] - 90, -76.5, 0))
    assert (body.longest_diameter_mm, body.perpendicular_mm) == (
        body.region.longest_diameter_mm,
        body.region.perpendicular_diameter_mm,
    )
    json.dumps(body.to_dict(), allow_nan=False)


def test_what_is_not_stated_is_none() -> None:
    mask = np.ones((2, 3, 3), bool)
    nothing = {name for name, value in vars(_only(mask)).items() if value is None}
    assert nothing == {
        "volume_mm3", "volume_ml", "longest_diameter_mm", "perpendicular_mm", "longest_diameter_3d_mm",
        "surface_mm2", "sphericity", "centroid_ras_mm", "centroid_lps_mm",
    }  # fmt: skip
    plane = _only(mask, (1, 1), None, np.eye(4))
    assert plane.volume_ml is None and plane.longest_diameter_mm is not None and plane.centroid_ras_mm == (0.5, 1, 1)


def test_bodies_touch_by_a_corner_and_are_sorted() -> None:
    mask = np.zeros((6, 6, 6), bool)
    mask[0, 0, 0] = mask[1, 1, 1] = mask[2, 0, 0] = True
    mask[4:, 4:, 4:] = True
    assert [body.voxels for body in measure_volume(mask)] == [8, 3]
    assert [body.voxels for body in measure_volume(mask, min_voxels=4)] == [8]
    assert [body.voxels for body in measure_volume(mask, (10, 10), 10, min_volume_ml=8)] == [8]
    assert len(measure_volume(mask, min_volume_ml=8)) == 2
    assert measure_volume(np.zeros((3, 3, 3), bool)) == ()


def test_arms_that_meet_in_another_slice_are_one_body() -> None:
    mask = np.zeros((3, 5, 9), bool)
    mask[0, 2, 1] = mask[0, 2, 7] = True
    mask[1, 2, 1] = mask[1, 2, 7] = True
    mask[2, 2, 1:8] = True
    body = _only(mask)
    assert (body.voxels, body.slices_touched, body.largest_slice) == (11, 3, 2)


def test_a_single_voxel_has_the_surface_of_its_ball() -> None:
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    body = _only(mask, (1, 1), 1)
    assert body.surface_mm2 == pytest.approx((36 * math.pi) ** (1 / 3)) and body.sphericity == pytest.approx(1)


def test_holes_count_in_the_surface_no_more_than_in_the_perimeter() -> None:
    whole = _ellipsoid(np.full(3, 8.0), np.eye(3), np.eye(3), np.zeros(3))
    hollow = whole & ~np.pad(_ellipsoid(np.full(3, 5.0), np.eye(3), np.eye(3), np.zeros(3)), 3)
    first, second = _only(whole, (1, 1), 1), _only(hollow, (1, 1), 1)
    assert second.surface_mm2 == first.surface_mm2 and second.voxels < first.voxels
    assert (first.sphericity or 0) > (second.sphericity or 0)
    assert np.array_equal(clean_volume(hollow, (1, 1), 1, min_volume_ml=0), whole)
    assert np.array_equal(clean_volume(hollow, (1, 1), 1, min_volume_ml=0, fill_holes=False), hollow)


def test_clean_up_removes_specks_and_leaves_cups_open() -> None:
    mask = np.zeros((6, 12, 12), bool)
    mask[1:5, 1:6, 1:6] = True
    mask[2:5, 3, 3] = False
    mask[3, 9, 9] = True
    cleaned = clean_volume(mask, (1, 1), 1, min_volume_ml=0.002)
    assert not cleaned[3, 9, 9] and not cleaned[2, 3, 3]
    assert cleaned.sum() == mask.sum() - 1
    assert clean_volume(mask, min_volume_ml=0.002)[3, 9, 9]
    ring = np.ones((1, 3, 3), bool)
    ring[0, 1, 1] = False
    assert clean_volume(ring, min_volume_ml=1).all()


@pytest.mark.parametrize("mask", [np.zeros((3, 3), bool), np.zeros((3, 3, 3), np.uint8)])
def test_refuses_what_is_no_volume(mask: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"bool \[slices, rows, cols\]"):
        measure_volume(mask)


@pytest.mark.parametrize("geometry", [((0, 1), 1, None), ((1, 1), -1, None), ((1, 1), 1, np.eye(3))])
def test_refuses_a_geometry_that_is_none(geometry: tuple) -> None:
    with pytest.raises(UsageError):
        measure_volume(np.ones((2, 2, 2), bool), *geometry)
