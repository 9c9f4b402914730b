import numpy as np
import pytest
from rule_session import RuleSession, manifest

from tumorlens import Scan
from tumorlens.inference.segmenter import Segmenter


def bright(images: np.ndarray) -> dict[str, np.ndarray]:
    """Logit 4 where the prepared image is bright, else -4."""
    return {"logits": np.where(images > 0.5, 4.0, -4.0)}


def spots(*boxes: tuple[int, int, int, int], shape: tuple[int, int] = (64, 64)) -> np.ndarray:
    out = np.zeros(shape, np.float32)
    for row0, col0, row1, col1 in boxes:
        out[row0:row1, col0:col1] = 10.0
    return out


def test_mask_has_the_scans_own_resolution_and_lies_on_the_bright_part() -> None:
    pixels = spots((16, 32, 48, 48))
    (mask,) = Segmenter(RuleSession(manifest("segmentation"), bright))([Scan(pixels)])
    assert mask.shape == (64, 64) and mask.dtype == bool
    assert (mask != (pixels > 0)).mean() < 0.03


def test_padding_of_the_letterbox_is_never_in_the_mask() -> None:
    pixels = spots((0, 0, 20, 64), shape=(20, 64))
    pixels[0, 0] = 0.0
    (mask,) = Segmenter(RuleSession(manifest("segmentation"), bright))([Scan(pixels)])
    assert mask.shape == (20, 64) and mask.mean() > 0.95


@pytest.mark.parametrize(("fraction", "regions"), [(0.0, 2), (0.01, 1), (0.5, 0)])
def test_regions_below_the_manifests_fraction_are_dropped(fraction: float, regions: int) -> None:
    from tumorlens.measurement import components

    pixels = spots((8, 8, 28, 28), (50, 50, 54, 54))
    described = manifest("segmentation", min_region_fraction=fraction)
    (mask,) = Segmenter(RuleSession(described, bright))([Scan(pixels)])
    assert len(components(mask).areas_px) == regions


def test_threshold_of_the_manifest_decides() -> None:
    scan = Scan(spots((16, 16, 48, 48)))
    low, high = (
        Segmenter(RuleSession(manifest("segmentation", threshold=one), bright))([scan])[0] for one in (0.01, 0.99)
    )
    assert low.all() and not high.any()


def test_averaging_over_the_mirror_image_makes_the_map_symmetric() -> None:
    def left_only(images: np.ndarray) -> dict[str, np.ndarray]:
        logits = np.full(images.shape, -8.0)
        logits[..., :16] = 8.0
        return {"logits": logits}

    described = manifest("segmentation", flip_average=True)
    (probability,) = Segmenter(RuleSession(described, left_only)).probabilities([Scan(spots((0, 0, 9, 9)))])
    np.testing.assert_allclose(probability, probability[:, ::-1], atol=1e-6)
    assert probability.mean() == pytest.approx(0.5, abs=0.01)


def test_temperature_moves_probabilities_towards_one_half() -> None:
    scan = Scan(spots((16, 16, 48, 48)))
    cold, hot = (
        Segmenter(RuleSession(manifest("segmentation", temperature=one), bright)).probabilities([scan])[0]
        for one in (1.0, 8.0)
    )
    assert cold.max() > hot.max() > 0.5
