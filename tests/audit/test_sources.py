from pathlib import Path

import cv2
import numpy as np
import pytest

from tumorlens.audit.sources import association, check_sources, look_features

pytestmark = pytest.mark.extra_eval


def made(folder: Path, count: int, shortcut: bool) -> tuple[list[Path], np.ndarray, np.ndarray]:
    """Pictures of two classes and two sources; with a shortcut each class has a source and a border of its own."""
    rng = np.random.default_rng(0)
    paths, labels, sources = [], [], []
    for number in range(count):
        label = ("glioma", "no_tumor")[number % 2]
        source = ("here", "there")[number % 2 if shortcut else number // 2 % 2]
        picture = np.clip(rng.normal(90, 25, (96, 96)), 0, 255)
        picture = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 1.5) * float(rng.uniform(0.7, 1.3))
        if shortcut and label == "no_tumor":
            picture[:6] = picture[-6:] = 200
        paths.append(folder / f"{number}.png")
        cv2.imwrite(str(paths[-1]), np.clip(picture, 0, 255).astype(np.uint8))
        labels.append(label)
        sources.append(source)
    return paths, np.array(labels), np.array(sources)


def test_a_planted_shortcut_is_found_and_put_into_words(tmp_path: Path) -> None:
    paths, labels, sources = made(tmp_path, 80, shortcut=True)
    found = check_sources(paths, labels, sources, np.arange(80))
    assert found.counts == {"glioma": {"here": 40}, "no_tumor": {"there": 40}}
    assert found.association == pytest.approx(1.0)
    assert all(one.balanced_accuracy > 0.95 for one in found.probes)
    said = " ".join(found.warnings)
    assert "The class 'glioma' comes from one source alone (here)" in said
    assert "Class and source tell each other" in said and "alone tell the class: mean recall" in said


def test_without_one_nothing_is_said(tmp_path: Path) -> None:
    paths, labels, sources = made(tmp_path, 80, shortcut=False)
    found = check_sources(paths, labels, sources, np.arange(80))
    assert found.warnings == [] and found.association == pytest.approx(0.0)
    assert all(abs(one.balanced_accuracy - 0.5) < 0.25 for one in found.probes)


def test_features_of_a_network_join_the_look(tmp_path: Path) -> None:
    paths, labels, sources = made(tmp_path, 60, shortcut=False)
    given = np.where(labels == "glioma", 1.0, -1.0)[:, None]
    found = {one.asked: one for one in check_sources(paths, labels, sources, np.arange(60), given).probes}
    assert found["class"].balanced_accuracy > 0.95


def test_too_few_or_one_alone_is_not_probed(tmp_path: Path) -> None:
    paths, labels, sources = made(tmp_path, 8, shortcut=True)
    assert check_sources(paths, labels, sources, np.arange(8)).probes == ()
    same = np.array(["here"] * 8)
    one = check_sources(paths, labels, same, np.arange(8))
    assert one.association is None and association(np.array([""] * 8), sources) is None
    assert "other sources look otherwise" in one.warnings[0]


def test_an_unreadable_file_has_no_look(tmp_path: Path) -> None:
    for name, content in (("a.png", b""), ("b.png", b"no picture")):
        (tmp_path / name).write_bytes(content)
        assert not look_features(tmp_path / name).any()


def test_a_source_with_few_images_does_not_hide_the_others(tmp_path: Path) -> None:
    paths, labels, sources = made(tmp_path, 80, shortcut=True)
    sources[:3] = "rare"
    found = {one.asked: one for one in check_sources(paths, labels, sources, np.arange(80)).probes}
    assert found["source"].images == 77 and found["source"].balanced_accuracy > 0.95
