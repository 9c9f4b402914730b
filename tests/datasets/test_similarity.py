from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.similarity import NEAR_DUPLICATE, clusters, nearest, thumbnail, thumbnails
from tumorlens.errors import DatasetError
from tumorlens.phantoms import random_phantom

PICTURES = [random_phantom(np.random.default_rng(seed), size=96).pixels.astype(np.uint8) for seed in range(6)]


def test_thumbnail_is_a_unit_vector_without_mean() -> None:
    vector = thumbnail(PICTURES[0])
    assert vector.shape == (48 * 48,) and vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert vector.mean() == pytest.approx(0, abs=1e-6)


def test_correlation_ignores_brightness_contrast_and_size() -> None:
    picture = PICTURES[1]
    darker = (picture * 0.4 + 20).astype(np.uint8)
    larger = cv2.resize(picture, (180, 180), interpolation=cv2.INTER_LINEAR)
    for other in (darker, larger):
        assert thumbnail(picture) @ thumbnail(other) > 0.99


def test_constant_picture_resembles_nothing() -> None:
    assert (thumbnail(np.full((30, 30), 9, np.uint8)) == 0).all()


def test_different_heads_are_no_near_duplicates() -> None:
    vectors = np.stack([thumbnail(one) for one in PICTURES])
    between = vectors @ vectors.T
    assert between[~np.eye(len(vectors), dtype=bool)].max() < NEAR_DUPLICATE
    np.testing.assert_array_equal(clusters(vectors), np.arange(len(vectors)))


def test_thumbnails_are_read_from_files(tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(2)]
    for path, picture in zip(paths, PICTURES, strict=False):
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    np.testing.assert_array_equal(thumbnails(paths), np.stack([thumbnail(one) for one in PICTURES[:2]]))
    paths[1].write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"1\.png cannot be decoded"):
        thumbnails(paths)


def test_nearest_by_hand() -> None:
    base = np.eye(4, dtype=np.float32)
    tilted = np.array([[0.6, 0.8, 0, 0]], np.float32)
    np.testing.assert_allclose(nearest(tilted, base[:1]), [0.6], atol=1e-6)
    np.testing.assert_allclose(nearest(tilted, base), [0.8], atol=1e-6)
    np.testing.assert_allclose(nearest(base, base), 1)
    np.testing.assert_allclose(nearest(base, base[:0]), -1)


def test_clusters_join_through_a_middle_picture() -> None:
    """0 resembles 1 and 1 resembles 2, 0 does not resemble 2: still one cluster; 3 stands alone."""
    angles = np.deg2rad([0, 15, 30, 90])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    np.testing.assert_array_equal(clusters(vectors, 0.95), [0, 0, 0, 3])
    np.testing.assert_array_equal(clusters(vectors, 0.99), [0, 1, 2, 3])


def test_many_vectors_cross_the_block_borders() -> None:
    rng = np.random.default_rng(0)
    base = rng.standard_normal((1100, 64)).astype(np.float32)
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    vectors = np.concatenate([base, base])
    np.testing.assert_allclose(nearest(vectors, vectors), 1, atol=1e-5)
    np.testing.assert_array_equal(clusters(vectors, 0.9), np.tile(np.arange(1100), 2))


@pytest.mark.data
def test_known_overlap_of_nickparvar_is_found(real_data: Callable[[str], Path]) -> None:
    """460 test images have a training neighbor above 0.999 and 705 above 0.95, as the collection's notes state."""
    collection = load_collection("nickparvar", real_data("nickparvar-224"))
    test, training = (thumbnails([record.path for record in collection.part(part)]) for part in ("Testing", "Training"))
    found = nearest(test, training)
    assert len(found) == 1311
    assert ((found > 0.999).sum(), (found > 0.95).sum(), (found <= 0.95).sum()) == (460, 705, 606)
