"""Phantoms: the truth is exact, the mask follows it, and a seed is a phantom."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tumorlens.errors import UsageError
from tumorlens.labels import CLASSES, TumorClass
from tumorlens.phantoms import (
    Outline,
    PhantomSpec,
    as_scan,
    demo_phantoms,
    make_phantom,
    random_phantom,
)

TUMORS = [tumor for tumor in CLASSES if tumor is not TumorClass.NO_TUMOR]
seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(seed=seeds, tumor=st.sampled_from(TUMORS), size=st.sampled_from([128, 224, 256]))
@example(seed=131088, tumor=TumorClass.MENINGIOMA, size=128)
def test_the_mask_is_in_the_head_and_agrees_with_the_analytic_truth(seed: int, tumor: TumorClass, size: int) -> None:
    phantom = random_phantom(np.random.default_rng(seed), tumor, size)
    truth, spacing = phantom.truth, phantom.spacing_mm[0]
    assert truth is not None and phantom.mask.shape == phantom.pixels.shape == (size, size)
    assert not (phantom.mask & ~phantom.head).any()
    area, perimeter = truth.area_mm2 / spacing**2, truth.perimeter_mm / spacing
    # Counting pixel centers errs by a fifth of a pixel per pixel of outline, by one pixel more in a small circle (the
    # example), and by 2 % of a large tumor.
    assert abs(phantom.mask.sum() - area) <= 0.2 * perimeter + 1
    if area >= 500:
        assert phantom.mask.sum() == pytest.approx(area, rel=0.02)
    rows, cols = np.nonzero(phantom.mask)
    assert (rows.mean(), cols.mean()) == pytest.approx(truth.centroid, abs=0.3)
    assert np.ptp(rows) + 1 == pytest.approx(truth.height_mm / spacing, abs=2)
    assert np.ptp(cols) + 1 == pytest.approx(truth.width_mm / spacing, abs=2)
    assert 0 < truth.circularity <= 1 + 1e-12


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_random_phantoms_are_finite_gray_images_of_the_class_they_claim(seed: int) -> None:
    phantom = random_phantom(np.random.default_rng(seed))
    assert phantom.pixels.dtype == np.float32 and phantom.mask.dtype == bool
    assert np.isfinite(phantom.pixels).all() and phantom.pixels.min() >= 0 and phantom.pixels.max() <= 255
    assert phantom.mask.any() == (phantom.label is not TumorClass.NO_TUMOR) == (phantom.truth is not None)
    assert phantom.pixels[phantom.head].mean() > 2 * phantom.pixels[~phantom.head].mean()


@pytest.mark.parametrize("tumor", CLASSES)
def test_a_seed_is_a_phantom_and_another_seed_another(tumor: TumorClass) -> None:
    first, again, other = (make_phantom(PhantomSpec(tumor, seed)) for seed in (3, 3, 4))
    assert np.array_equal(first.pixels, again.pixels) and np.array_equal(first.mask, again.mask)
    assert first.truth == again.truth and first.outline == again.outline
    assert not np.array_equal(first.pixels, other.pixels)


def test_random_phantoms_replay_from_their_generator_and_reach_all_classes() -> None:
    first, again = ([random_phantom(np.random.default_rng(5), size=96).pixels for _ in range(2)] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    rng = np.random.default_rng(0)
    assert {random_phantom(rng, size=64).label for _ in range(40)} == set(CLASSES)


def test_the_demo_shows_the_four_classes_as_the_clinic_knows_them() -> None:
    phantoms = {phantom.label: phantom for phantom in demo_phantoms()}
    assert tuple(phantoms) == CLASSES and not phantoms[TumorClass.NO_TUMOR].mask.any()
    level = {tumor: phantoms[tumor].pixels[phantoms[tumor].mask].mean() for tumor in TUMORS}
    for tumor in TUMORS:
        assert level[tumor] > 1.1 * np.median(phantoms[tumor].pixels[phantoms[tumor].head])
    glioma, meningioma, pituitary = (phantoms[tumor].truth for tumor in TUMORS)
    assert glioma is not None and meningioma is not None and pituitary is not None
    assert glioma.circularity < 0.97 and meningioma.circularity == pytest.approx(1)
    assert pituitary.area_mm2 < meningioma.area_mm2


def test_the_necrotic_core_is_darker_than_the_ring_and_belongs_to_the_truth() -> None:
    glioma = demo_phantoms()[0]
    row, col = (round(value) for value in glioma.outline.center)  # type: ignore[union-attr]
    assert glioma.mask[row, col]
    assert glioma.pixels[row - 1 : row + 2, col - 1 : col + 2].mean() < 0.6 * np.percentile(
        glioma.pixels[glioma.mask], 80
    )


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_a_meningioma_is_a_disc_of_even_signal_that_reaches_the_inner_table(seed: int) -> None:
    phantom = make_phantom(PhantomSpec(TumorClass.MENINGIOMA, seed))
    outline, truth = phantom.outline, phantom.truth
    assert outline is not None and truth is not None
    radius = outline.semi_axes[0] * phantom.spacing_mm[0]
    assert truth.area_mm2 == pytest.approx(np.pi * radius**2, rel=1e-12)
    assert truth.perimeter_mm == pytest.approx(2 * np.pi * radius, rel=1e-12)
    assert (truth.width_mm, truth.height_mm) == pytest.approx((2 * radius, 2 * radius))
    assert truth.circularity == pytest.approx(1) and truth.centroid == outline.center
    rows, cols = np.indices(phantom.mask.shape)
    squared = (rows - outline.center[0]) ** 2 + (cols - outline.center[1]) ** 2
    assert np.array_equal(phantom.mask, squared <= outline.semi_axes[0] ** 2)
    # Scalp and skull together are 9 to 16 pixels deep at this variation, so the skin is that near to the disc.
    outside = np.argwhere(~phantom.head) - np.array(outline.center)
    assert 5 < np.sqrt((outside**2).sum(axis=1).min()) - outline.semi_axes[0] < 20
    inner = phantom.pixels[squared <= (outline.semi_axes[0] - 2) ** 2]
    assert inner.std() < 0.15 * inner.mean()


def test_geometry_of_curves_worked_out_by_hand() -> None:
    ellipse = Outline((10.0, 20.0), (5.0, 3.0), angle=np.pi / 2).geometry(2.0)
    assert ellipse.area_mm2 == pytest.approx(np.pi * 15 * 4)
    assert ellipse.perimeter_mm == pytest.approx(25.526998863398124 * 2, rel=1e-6)  # 4 a E(0.64), DLMF 19.9.9
    assert (ellipse.width_mm, ellipse.height_mm) == pytest.approx((12.0, 20.0))
    # r = R (1 + c cos 2t) encloses pi R^2 (1 + c^2 / 2); it reaches R (1 + c) along columns and is even about its pole.
    curve = Outline((10.0, 20.0), (8.0, 8.0), 0.0, (0.1,), (0.0,)).geometry(1.0)
    assert curve.area_mm2 == pytest.approx(np.pi * 64 * 1.005, rel=1e-12)
    assert curve.width_mm == pytest.approx(17.6) and curve.height_mm == pytest.approx(14.4, abs=1e-3)
    assert curve.centroid == pytest.approx((10.0, 20.0))
    assert curve.circularity < 1
    # As the series vanishes the quadrature turns into the disc's formula.
    limit = Outline((0.0, 0.0), (8.0, 8.0), 0.0, (0.0,), (0.0,)).geometry(1.0)
    assert limit.perimeter_mm == pytest.approx(16 * np.pi, rel=1e-12)


def test_the_perimeter_of_an_irregular_outline_is_the_length_of_a_fine_polygon() -> None:
    phantom = make_phantom(PhantomSpec(TumorClass.GLIOMA, 8))
    assert phantom.outline is not None and phantom.truth is not None
    points = phantom.outline.points(200_000)
    length = np.hypot(*(points - np.roll(points, 1, axis=0)).T).sum() * phantom.spacing_mm[0]
    assert phantom.truth.perimeter_mm == pytest.approx(length, rel=1e-8)


def test_a_scan_carries_spacing_only_when_asked() -> None:
    phantom = make_phantom(PhantomSpec(TumorClass.PITUITARY, 1, size=128, spacing_mm=1.7))
    bare, spaced = as_scan(phantom), as_scan(phantom, with_spacing=True)
    assert bare.spacing_mm is None and bare.spacing_source == "none"
    assert spaced.spacing_mm == (1.7, 1.7) and spaced.spacing_source == "user"
    assert np.array_equal(bare.slice().pixels, phantom.pixels)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"seed": -1}, "-1"), ({"size": 32}, "32"), ({"spacing_mm": 0.0}, "0.0"), ({"variation": 1.5}, "1.5"),
     ({"view": "axial"}, "axial")],
)  # fmt: skip
def test_a_spec_out_of_range_is_refused_by_its_value(change: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        PhantomSpec(**{"tumor": TumorClass.PITUITARY, "seed": 0, **change})  # type: ignore[arg-type]
