from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorlens.errors import UsageError
from tumorlens.evaluation.corruptions import FAMILIES, PUBLISHED, corruption, family_of, suite
from tumorlens.evaluation.corruptions.intensity import rician_noise, smooth_field
from tumorlens.evaluation.corruptions.kspace import magnitude, moved_while_scanned, with_ghosts, with_spike
from tumorlens.evaluation.degradations import blur15, down5, mixed
from tumorlens.phantoms import demo_phantoms

pytestmark = pytest.mark.extra_eval
NAMES = [family.name for family in FAMILIES]
MOVING = [family.name for family in FAMILIES if family.move is not None]


@pytest.fixture(scope="module")
def head() -> np.ndarray:
    return cv2.resize(demo_phantoms()[1].pixels, (168, 144), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def tumor() -> np.ndarray:
    return cv2.resize(demo_phantoms()[1].mask.astype(np.uint8), (168, 144), interpolation=cv2.INTER_NEAREST) > 0


def distance(name: str, strength: int, pixels: np.ndarray) -> float:
    """Mean change over several images, for what is drawn differs among them."""
    one = corruption(f"{name}-{strength}")
    return float(np.mean([np.abs(one(pixels, str(image)) - pixels).mean() for image in range(6)]))


def test_published_degradations_are_the_published_ones(head: np.ndarray) -> None:
    assert np.array_equal(corruption("blur15")(head), cv2.GaussianBlur(head, (15, 15), 0))
    assert np.array_equal(corruption("blur15")(head), blur15(head))
    assert np.array_equal(corruption("down5")(head), down5(head))
    assert np.array_equal(corruption("mixed", seed=3)(head), mixed(head, 3))
    assert corruption("blur15").name == "blur15"


@pytest.mark.parametrize("name", ["blur15", "down5"])
def test_at_512_px_both_strengths_are_the_same(name: str) -> None:
    large = cv2.resize(demo_phantoms()[0].pixels, (512, 512), interpolation=cv2.INTER_CUBIC)
    error = np.abs(corruption(f"{name}@512")(large) - corruption(name)(large))
    # The published kernel ends after 7 pixels, at 2.7 sigma; the other one after 4 sigma.
    assert error.mean() < 0.004 * np.ptp(large)


def test_what_512_px_lost_is_lost_at_224_px() -> None:
    """Blurring a 512 px original and shrinking it is what the milder blur does to the small picture."""
    large = cv2.resize(demo_phantoms()[0].pixels, (512, 512), interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(large, (224, 224), interpolation=cv2.INTER_AREA)
    wanted = cv2.resize(blur15(large), (224, 224), interpolation=cv2.INTER_AREA)
    found, full = corruption("blur15@512")(small), blur15(small)
    assert np.abs(found - wanted).mean() < 0.1 * np.abs(full - wanted).mean()


@pytest.mark.parametrize("name", NAMES)
def test_stronger_means_farther_from_the_picture(name: str, head: np.ndarray) -> None:
    for strength in range(1, 6):
        changed = corruption(f"{name}-{strength}")(head, "a")
        assert changed.dtype == np.float32 and np.isfinite(changed).all() and np.ptp(changed) > 0
    if name in ("crop", "border"):
        sizes = [corruption(f"{name}-{strength}")(head, "a").size for strength in range(1, 6)]
        assert sizes == sorted(sizes, reverse=name == "crop") and head.size not in sizes
    elif name != "flip":
        far = [distance(name, strength, head) for strength in range(1, 6)]
        assert far[0] > 0 and far[4] > 1.2 * far[0]
        # Jumping lines and wrapped waves are no monotone measure of each step, but nearly.
        assert all(after > 0.85 * before for before, after in itertools.pairwise(far))


@pytest.mark.parametrize("name", [*NAMES, "mixed"])
def test_the_same_image_is_corrupted_alike_and_another_is_not(name: str, head: np.ndarray) -> None:
    full = name if name in PUBLISHED else f"{name}-3"
    first, again = corruption(full)(head, "a"), corruption(full)(head.copy(), "a")
    assert np.array_equal(first, again)
    if name in ("motion", "ghosting", "spike", "rician-noise", "bias-field", "shift", "crop", "text"):
        assert not np.array_equal(first, corruption(full)(head, "b"))
        assert not np.array_equal(first, corruption(full, seed=1)(head, "a"))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8)
@given(scale=st.sampled_from([1e-3, 1.0, 40.0]), offset=st.sampled_from([0.0, -1024.0, 300.0]))
def test_the_unit_of_the_intensities_does_not_matter(name: str, scale: float, offset: float) -> None:
    pixels = cv2.resize(demo_phantoms()[2].pixels, (48, 40), interpolation=cv2.INTER_AREA)
    plain = corruption(f"{name}-2")(pixels, "a")
    other = corruption(f"{name}-2")((pixels * scale + offset * scale).astype(np.float32), "a")
    error = np.abs(other / scale - offset - plain)
    # Rounding to grey levels may fall to the other side for single pixels.
    assert np.quantile(error, 0.97) < 0.02 * np.ptp(pixels)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=6)
@given(rows=st.integers(8, 40), cols=st.integers(8, 40), strength=st.integers(1, 5))
def test_small_and_constant_pictures_pass(name: str, rows: int, cols: int, strength: int) -> None:
    for pixels in (np.full((rows, cols), 7, np.float32), np.arange(rows * cols, dtype=np.float32).reshape(rows, cols)):
        changed, mask = corruption(f"{name}-{strength}").with_mask(pixels, pixels > 30, "a")
        assert np.isfinite(changed).all() and changed.shape == mask.shape and min(changed.shape) >= 1


@pytest.mark.parametrize("strength", range(1, 6))
@pytest.mark.parametrize("name", MOVING)
def test_the_mask_follows_the_anatomy(name: str, strength: int, tumor: np.ndarray) -> None:
    """A picture that is bright where its mask is stays so."""
    pixels = tumor.astype(np.float32) * 100
    pixels[0, 0] = 1  # so that a frame is told from the lowest value
    changed, mask = corruption(f"{name}-{strength}").with_mask(pixels, tumor, "a")
    assert changed.shape == mask.shape
    if name == "border":
        assert mask.sum() == tumor.sum() and (changed[mask] == 100).all()
    else:
        overlap = 2 * (mask & (changed > 50)).sum() / max(1, mask.sum() + (changed > 50).sum())
        assert overlap > 0.9 or not mask.any()


def test_a_mask_of_a_whole_picture_is_not_filled_up_outside() -> None:
    pixels = np.full((40, 40), 5, np.float32)
    for name in ("rotation-3", "shift-3", "border-3"):
        _, mask = corruption(name).with_mask(pixels, np.ones((40, 40), bool), "a")
        assert mask.any() and not mask.all()


@pytest.mark.parametrize("name", [one for one in NAMES if one not in MOVING])
def test_what_moves_nothing_leaves_the_mask(name: str, head: np.ndarray, tumor: np.ndarray) -> None:
    changed, mask = corruption(f"{name}-4").with_mask(head, tumor, "a")
    assert changed.shape == head.shape and np.array_equal(mask, tumor)


def test_names_and_suites() -> None:
    assert len(suite("full")) == len(PUBLISHED) + 5 * 18
    assert [one.name for one in suite("e")] == list(PUBLISHED)
    assert [one.name for one in suite("motion, jpeg-3,motion-2")] == [
        *(f"motion-{one}" for one in range(1, 6)),
        "jpeg-3",
    ]
    assert family_of(corruption("motion-3")).amounts[2] == corruption("motion-3").amount  # type: ignore[union-attr]
    assert family_of(corruption("blur15")) is None
    for wrong in ("motion", "motion-6", "motion-0", "fog-1", "none", "motion-²"):
        with pytest.raises(UsageError, match=r"There is no corruption '.*': choose blur15, .*gaussian-blur"):
            corruption(wrong)
    with pytest.raises(UsageError, match="No corruption is named"):
        suite(" , ")


def test_rician_noise_has_the_moments_of_rice() -> None:
    from scipy.stats import rice

    signal = np.full((300, 300), 30.0, np.float32)
    signal[:, :10] = 0  # the lowest value, against which the rest is measured
    noisy = rician_noise(signal, 50, np.random.default_rng(0))[:, 10:]
    law = rice(30 / 15, scale=15)
    assert noisy.mean() == pytest.approx(law.mean(), rel=0.01) and noisy.std() == pytest.approx(law.std(), rel=0.02)
    background = rician_noise(signal, 50, np.random.default_rng(0))[:, :10]
    assert background.mean() == pytest.approx(15 * np.sqrt(np.pi / 2), rel=0.03)  # Rayleigh


def test_a_spike_is_one_wave_and_ghosts_are_copies() -> None:
    pixels = np.zeros((64, 48), np.float32)
    pixels[20:30, 10:20] = 100
    rows, cols = np.mgrid[:64, :48]
    wave = 7 * np.exp(2j * np.pi * (5 * rows / 64 + 3 * cols / 48))
    assert np.allclose(with_spike(pixels, (5, 3), 7.0), pixels + wave, atol=1e-4)
    # All other lines gone leaves the half, and a copy half a picture away; only the center of k-space is restored.
    ghosts = with_ghosts(pixels, 2, 1.0, 0)
    residue = pixels / 2 - np.roll(pixels, 32, axis=0) / 2
    assert np.abs(ghosts - residue - pixels.mean(axis=0)).max() < 1e-3
    assert np.allclose(magnitude(moved_while_scanned(pixels, [(0, 0, 0)] * 2, (0.3, 0.7), 1)), pixels, atol=1e-3)


@pytest.mark.extra_train
def test_kspace_artifacts_agree_with_torchio(head: np.ndarray) -> None:
    import torch
    from torchio import ScalarImage
    from torchio.transforms import Ghosting, Motion, Spike

    tensor = torch.from_numpy(head[None, None])  # channel, then one plane of rows and columns

    def applied(transform: object) -> np.ndarray:
        return transform(ScalarImage(tensor=tensor.clone())).data[0, 0].numpy()  # type: ignore[operator]

    ghosts = applied(Ghosting(num_ghosts=3, axis=2, intensity=0.6, restore=None))
    assert np.allclose(ghosts, with_ghosts(head, 3, 0.6, 1).real, atol=1e-2)

    rows, cols = head.shape
    place = np.array([[0.0, (rows // 2 + 9.2) / rows, (cols // 2 - 6.8) / cols]])
    spectrum = np.abs(np.fft.fft2(head)).max()
    stripes = applied(Spike(spikes_positions=place, intensity=0.3))
    assert np.allclose(stripes, with_spike(head, (9, -7), 0.3 * spectrum / head.size).real, atol=1e-2)

    dark = head - head.min()  # TorchIO fills what comes into view with the lowest value
    tensor = torch.from_numpy(dark[None, None])
    shifts = np.array([[0.0, 3.0, -2.0], [0.0, -4.0, 1.0]])
    moved = applied(Motion(np.zeros((2, 3)), shifts, np.array([0.3, 0.7]), "linear"))
    # SimpleITK states from where each point is taken, with the columns the other way around.
    found = moved_while_scanned(dark, [(3.0, 2.0, 0.0), (-4.0, -1.0, 0.0)], (0.3, 0.7), 1)
    assert np.allclose(found.real, moved, atol=1e-2)


@pytest.mark.extra_train
def test_the_bias_field_agrees_with_monai() -> None:
    from monai.transforms import RandBiasField

    order = np.add.outer(np.arange(4), np.arange(4))
    # MONAI fills the lower triangle of its matrix of coefficients, beyond the total order too.
    chosen = np.tril(np.random.default_rng(0).uniform(-1, 1, (4, 4)))
    chosen[(order == 0) | (order > 3)] = 0.0
    theirs = RandBiasField(degree=3)._generate_random_field((30, 40), 3, chosen[np.tril_indices(4)])
    scaled = (theirs - (theirs.max() + theirs.min()) / 2) / np.ptp(theirs)
    ours = smooth_field((30, 40), chosen, 2.5)
    assert np.allclose(np.log(ours), np.log(2.5) * scaled, atol=1e-5)
    assert ours.max() / ours.min() == pytest.approx(2.5, rel=1e-5)
    assert ours.max() * ours.min() == pytest.approx(1.0, rel=1e-5)
