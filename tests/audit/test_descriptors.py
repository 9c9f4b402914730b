"""Facts of files, keypoints, and the store that keeps them."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tumorlens.audit import store
from tumorlens.audit.facts import read_facts
from tumorlens.audit.items import Item, list_items
from tumorlens.audit.keypoints import MIRROR, extract, make_detector, root_sift
from tumorlens.datasets.similarity import thumbnails

pytestmark = pytest.mark.extra_eval


def test_facts_of_a_jpeg(tmp_path: Path, phantom: Callable[..., np.ndarray], write: Callable[..., None]) -> None:
    picture = np.zeros((100, 140), np.uint8)
    picture[20:90, 14:126] = phantom(1, size=128)[:70, :112] // 2 + 100
    write(tmp_path / "a.jpg", picture, 70)
    facts = read_facts(tmp_path / "a.jpg")
    assert facts.texts["format"] == "jpeg" and not facts.texts["error"]
    assert (facts.numbers["rows"], facts.numbers["cols"], facts.numbers["channels"]) == (100, 140, 1)
    assert facts.numbers["jpeg_quality"] == pytest.approx(70, abs=2)
    assert facts.numbers["border_top"] == pytest.approx(0.2, abs=0.03)
    assert facts.numbers["border_bottom"] == pytest.approx(0.1, abs=0.03)
    assert facts.numbers["saturation"] == 0


def test_pixels_are_equal_where_files_are_not(tmp_path: Path, phantom: Callable[..., np.ndarray]) -> None:
    for name, picture in (("a.png", phantom(1)), ("b.bmp", phantom(1))):
        cv2.imwrite(str(tmp_path / name), picture)
    first, second = read_facts(tmp_path / "a.png").texts, read_facts(tmp_path / "b.bmp").texts
    assert first["pixels_sha256"] == second["pixels_sha256"] and first["sha256"] != second["sha256"]


def test_twelve_bits_in_sixteen_are_not_black(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 4095, 64, dtype=np.uint16), (64, 1))
    cv2.imwrite(str(tmp_path / "a.png"), ramp)
    facts = read_facts(tmp_path / "a.png")
    assert facts.numbers["maximum"] == 255 and facts.numbers["bits"] == 16


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xe0 truncated"])
def test_broken_files_are_told_and_do_not_raise(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    facts = read_facts(path)
    assert facts.grey is None and "cannot" in facts.texts["error"]
    assert "cannot be opened" in read_facts(tmp_path / "missing.jpg").texts["error"]


def test_mirrored_descriptors_are_a_permutation(phantom: Callable[..., np.ndarray]) -> None:
    """Descriptors of the mirror image equal the permuted ones of the picture, at the mirrored place."""
    picture = phantom(3, size=224)
    points, local = extract(picture, make_detector())
    mirrored_points, mirrored = extract(np.ascontiguousarray(picture[:, ::-1]), make_detector())
    back = mirrored_points * [-1, 1] + [223, 0]
    distance = np.linalg.norm(points[:, None] - back[None], axis=2)
    near = np.nan_to_num(distance, nan=99).argmin(axis=1)
    matched = np.nan_to_num(distance, nan=99).min(axis=1) < 1
    likeness = (root_sift(local[..., MIRROR]) * root_sift(mirrored)[near]).sum(axis=1)[matched]
    assert matched.sum() > 20 and np.median(likeness) > 0.95
    plain = (root_sift(local) * root_sift(mirrored)[near]).sum(axis=1)[matched]
    assert np.median(plain) < 0.9


def test_thumbnails_are_those_of_the_leak_figures(faulty: Path) -> None:
    items = list_items(faulty).items[:5]
    ours = store.describe(items, None).thumbnails()
    np.testing.assert_allclose(ours, thumbnails([item.path for item in items]), atol=1e-6)


def test_interrupted_work_goes_on_where_it_stopped(
    faulty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = list_items(faulty).items
    monkeypatch.setattr(store, "SHARD", 16)
    real, read = store.read_facts, []

    def stopping(path: Path):
        read.append(path)
        if len(read) > 40:
            raise KeyboardInterrupt
        return real(path)

    monkeypatch.setattr(store, "read_facts", stopping)
    with pytest.raises(KeyboardInterrupt):
        store.describe(items, tmp_path, threads=1)
    kept = len(list(tmp_path.glob("*.npz")))
    assert kept == 2
    read.clear()
    monkeypatch.setattr(store, "read_facts", lambda path: read.append(path) or real(path))
    resumed = store.describe(items, tmp_path, threads=1)
    assert len(read) == len(items) - 16 * kept
    fresh = store.describe(items, None)
    np.testing.assert_array_equal(resumed.small, fresh.small)
    np.testing.assert_array_equal(resumed.texts, fresh.texts)


def test_changed_files_and_broken_shards_are_read_anew(tmp_path: Path, write: Callable[..., None]) -> None:
    path, cache = tmp_path / "a.png", tmp_path / "cache"
    write(path, np.full((40, 40), 7, np.uint8))
    item = Item("a.png", path)
    assert store.describe([item], cache).number("mean")[0] == 7
    write(path, np.full((41, 40), 9, np.uint8))
    assert store.describe([item], cache).number("mean")[0] == 9
    for shard in cache.glob("*.npz"):
        shard.write_bytes(shard.read_bytes()[:200])
    assert store.describe([item], cache).number("mean")[0] == 9
