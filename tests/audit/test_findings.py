"""Labels, quality, fingerprints, subjects, leaks: each on made faults, and the published findings on real data."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tumorlens.audit import Audit, Options, list_items, prepare_report, run_audit, summary, write_report
from tumorlens.audit.fingerprints import fingerprints
from tumorlens.audit.items import Item
from tumorlens.audit.labels import check_labels
from tumorlens.audit.leaks import measure_overlap
from tumorlens.audit.pairs import Kind, find_pairs
from tumorlens.audit.quality import odd_images
from tumorlens.audit.store import Descriptors, describe
from tumorlens.audit.subjects import group_subjects
from tumorlens.datasets.splits import load_split
from tumorlens.errors import OutputError
from tumorlens.labels import TumorClass

pytestmark = pytest.mark.extra_eval


@pytest.fixture(scope="module")
def audit(faulty: Path) -> Audit:
    return run_audit(list_items(faulty))


def ids(audit: Audit, rows: np.ndarray) -> set[str]:
    return {audit.items[row].id for row in rows.tolist()}


def test_leaked_test_images_are_the_planted_ones(audit: Audit) -> None:
    assert audit.overlap is not None and audit.split is not None
    leaked = {
        "Testing/glioma/t0.jpg",
        "Testing/meningioma/t1.png",
        "Testing/pituitary/t2.png",
        "Testing/glioma/t3.png",
    }
    assert ids(audit, audit.overlap.rows[audit.overlap.leaked]) == leaked == set(audit.split.left_out)
    assert audit.overlap.leaked_by_thumbnail == 2
    assert len(audit.split.test) == 12 and len(audit.split.train) + len(audit.split.validation) == 48
    assert audit.split.validation and not set(audit.split.validation) & set(audit.split.train)


def test_one_picture_under_two_labels_is_a_conflict(audit: Audit) -> None:
    (pair,) = audit.conflicts
    assert pair.kind == Kind.BYTES
    assert [audit.items[row].id for row in (pair.first, pair.second)] == [
        "Training/no_tumor/image(3).png",
        "Testing/glioma/t3.png",
    ]


def test_report_is_whole_and_the_split_can_be_read(audit: Audit, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    prepare_report(folder)
    write_report(audit, folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("Research use, not a medical device.") >= 2 and "data:image/jpeg;base64," in page
    assert "http://" not in page and "https://" not in page and "<script" not in page
    split = load_split(str(folder / "leak_free_split.json"))
    assert split == audit.split and split.collection == "faulty"
    lines = (folder / "pairs.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(audit.pairs) and lines[0].startswith("image_a,image_b,kind,where,label_conflict")
    assert len((folder / "clusters.csv").read_text(encoding="utf-8").splitlines()) == 65
    numbers = summary(audit)
    assert numbers["train_test_overlap"]["leaked"] == 4 and numbers["pairs"]["by_place"] == {"across splits": 4}
    prepare_report(folder)


def test_a_folder_that_is_no_audit_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="is no audit report: pass a new or empty folder"):
        prepare_report(tmp_path)
    with pytest.raises(OutputError, match="is a file"):
        prepare_report(tmp_path / "thesis.txt")


def test_against_another_collection(
    faulty: Path, tmp_path: Path, phantom: Callable[..., np.ndarray], write: Callable[..., None]
) -> None:
    write(tmp_path / "other" / "own.png", phantom(777))
    write(tmp_path / "other" / "shared.png", (phantom(7, TumorClass.NO_TUMOR) * 0.8).astype(np.uint8))
    found = run_audit(list_items(faulty), [list_items(tmp_path / "other")], Options(transforms=False))
    (overlap,) = found.against
    assert ids(found, overlap.rows[overlap.leaked]) == {"Training/no_tumor/image(7).png"}
    assert [found.items[row].id for row in np.flatnonzero(found.source)] == ["own.png", "shared.png"]
    assert summary(found)["pairs"]["by_place"]["across collections"] == 1


def made(pictures: list[np.ndarray], numbers: dict[str, list[float]] | None = None) -> Descriptors:
    """Descriptors without files: only thumbnails, and the numbers given."""
    from tumorlens.audit.facts import NUMBERS, TEXTS
    from tumorlens.audit.keypoints import KEYPOINTS

    count = len(pictures)
    table = np.zeros((count, len(NUMBERS)))
    table[:, NUMBERS.index("spread")] = 40
    for name, values in (numbers or {}).items():
        table[:, NUMBERS.index(name)] = values
    return Descriptors(
        np.stack([picture.ravel() for picture in pictures]),
        np.full((count, KEYPOINTS, 2), np.nan, np.float32),
        np.zeros((count, KEYPOINTS, 128), np.uint8),
        table,
        np.full((count, len(TEXTS)), "", dtype="U8"),
    )


def blob(rng: np.random.Generator, where: int) -> np.ndarray:
    picture = rng.integers(0, 60, (48, 48)).astype(np.uint8)
    picture[8 + 20 * where : 24 + 20 * where, 10:30] += 120
    return picture


def test_swapped_labels_are_doubted_by_model_and_neighbors() -> None:
    rng = np.random.default_rng(0)
    labels = np.array(["low", "high"] * 60)
    descriptors = made([blob(rng, number % 2) for number in range(120)])
    labels[[10, 31]] = ["high", "low"]
    check = check_labels(descriptors, labels, np.arange(120))
    assert {one.row for one in check.suspicions if one.both} == {10, 31}
    assert check.accuracy == pytest.approx(118 / 120) and check.suspicions[0].suggested in ("low", "high")


def test_copies_may_not_vouch_for_each_other() -> None:
    """Three copies of a mislabeled picture are one cluster: it is judged by the others and doubted all the same."""
    rng = np.random.default_rng(0)
    pictures = [blob(rng, number % 2) for number in range(80)]
    pictures += [pictures[0]] * 3
    labels = np.array([*(["low", "high"] * 40), *(["high"] * 3)])
    labels[0] = "high"
    cluster = np.array([*range(80), 0, 0, 0])
    check = check_labels(made(pictures), labels, cluster)
    assert {0, 80, 81, 82} == {one.row for one in check.suspicions if one.both}


@pytest.mark.parametrize("labels", [[""] * 6, ["a"] * 6, ["a"] * 5 + ["b"]])
def test_labels_that_cannot_be_judged(labels: list[str]) -> None:
    rng = np.random.default_rng(0)
    descriptors = made([blob(rng, number % 2) for number in range(6)])
    assert "need two classes" in check_labels(descriptors, np.array(labels), np.arange(6)).note
    assert fingerprints(descriptors, np.array(labels), np.arange(6)) == ()


def test_a_class_of_another_size_is_given_away_by_its_files() -> None:
    rng = np.random.default_rng(0)
    labels = np.array(["a", "b"] * 50)
    size = [512.0 if number % 2 else 256.0 for number in range(100)]
    one, _ = fingerprints(made([blob(rng, 0)] * 100, {"rows": size, "cols": size}), labels, np.arange(100))
    assert one.accuracy == 1 and one.majority == 0.5 and one.importances[0][0] in ("rows", "cols")
    none, _ = fingerprints(made([blob(rng, 0)] * 100), labels, np.arange(100))
    assert none.accuracy <= 0.6


def test_odd_images_by_kind(tmp_path: Path, phantom: Callable[..., np.ndarray], write: Callable[..., None]) -> None:
    page = np.full((200, 150), 250, np.uint8)
    page[20:180:12, 15:135] = 0
    photo = np.random.default_rng(0).integers(0, 255, (90, 90, 3)).astype(np.uint8)
    faults = {
        "flat.png": (np.full((80, 80), 30, np.uint8), "constant"),
        "icon.png": (phantom(1, size=64)[:40, :40], "tiny"),
        "page.png": (page, "not like MRI"),
        "photo.png": (photo, "not like MRI"),
    }
    items = []
    for name, (picture, _) in faults.items():
        write(tmp_path / name, picture)
    (tmp_path / "broken.png").write_bytes(b"broken")
    write(tmp_path / "head.png", phantom(5))
    items = [Item(path.name, path) for path in sorted(tmp_path.iterdir())]
    odd = {(items[one.row].id, one.kind) for one in odd_images(describe(items, None))}
    assert odd == {(name, kind) for name, (_, kind) in faults.items()} | {("broken.png", "unreadable")}


def test_a_head_that_lies_upside_down_is_odd() -> None:
    rng = np.random.default_rng(0)
    base = np.zeros((48, 48), np.uint8)
    base[4:20, 8:40], base[20:44, 14:34] = 200, 90
    pictures = [np.clip(base + rng.normal(0, 12, base.shape), 0, 255).astype(np.uint8) for _ in range(60)]
    pictures[17] = np.ascontiguousarray(pictures[17][::-1])
    (odd,) = [one for one in odd_images(made(pictures)) if one.kind == "oddly oriented"]
    assert odd.row == 17 and ("upside down" in odd.reason or "180" in odd.reason)


def test_subjects_are_runs_of_alike_slices_within_a_folder() -> None:
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(4):
        subject = rng.integers(0, 200, (48, 48)).astype(np.float64)
        pictures += [np.clip(subject + rng.normal(0, 8, (48, 48)), 0, 255).astype(np.uint8) for _ in range(5)]
    descriptors = made(pictures)
    found = group_subjects(descriptors, ["one"] * 20, threshold=1.5)
    assert found.tolist() == [0] * 5 + [5] * 5 + [10] * 5 + [15] * 5
    split = group_subjects(descriptors, ["one"] * 3 + ["two"] * 17, threshold=1.5)
    assert split[:5].tolist() == [0, 0, 0, 3, 3]


@pytest.mark.data
def test_published_findings_of_sartaj(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    """259 of 394 test images stand in training, and the labels of the test gliomas are doubted most."""
    root = real_data("sartaj-256")
    found = summary(run_audit(list_items(root), options=Options(transforms=False)))
    overlap = found["train_test_overlap"]
    assert (overlap["images"], overlap["nearest_above"]["0.98"]) == (394, 259)
    doubted = found["labels"]["by_part_and_label"]
    assert doubted["Testing"]["glioma"]["model_and_neighbors"] >= 20
    assert doubted["Training"]["glioma"]["model_and_neighbors"] <= 20


@pytest.mark.data
def test_published_findings_of_nickparvar(real_data: Callable[[str], Path]) -> None:
    """The counts and accuracies that the notes on the collection state."""
    listing = list_items(real_data("nickparvar-224"))
    descriptors = describe(listing.items, None, local_features=False)
    labels, parts = (np.array([getattr(item, name) for item in listing.items]) for name in ("label", "part"))
    overlap = measure_overlap(descriptors, labels, parts == "Testing", parts == "Training", [])
    assert (overlap.above[0.999], overlap.above[0.95], len(overlap.rows)) == (460, 705, 1311)
    assert (round(overlap.accuracy, 3), round(overlap.accuracy_clean, 3)) == (0.963, 0.919)


@pytest.mark.data
def test_test_images_of_nickparvar_mirror_training_images(real_data: Callable[[str], Path]) -> None:
    """Two test images without a near-duplicate are mirror images of training images."""
    root = real_data("nickparvar-224")
    names = ("Training/meningioma/Tr-me_1326.jpg", "Testing/meningioma/Te-me_0134.jpg")
    names += ("Training/pituitary/Tr-pi_0339.jpg", "Testing/pituitary/Te-pi_0091.jpg")
    items = [Item(name, root / name) for name in names]
    pairs = find_pairs(describe(items, None), [item.path for item in items])
    assert [(pair.first, pair.second, pair.transform) for pair in pairs] == [
        (0, 1, "mirrored left-right"),
        (2, 3, "mirrored left-right"),
    ]
    assert all(pair.correlation < 0.9 and pair.aligned > 0.999 for pair in pairs)


@pytest.mark.data
def test_overlap_of_nickparvar_with_sartaj_and_figshare(real_data: Callable[[str], Path]) -> None:
    """Every 60th image of Nickparvar: many also stand in the two collections that it was made of."""
    listing = list_items(real_data("nickparvar-224"))
    part = type(listing)(listing.name, listing.root, listing.items[::60])
    others = [list_items(real_data("sartaj-256")), list_items(real_data("figshare-256"))]
    found = run_audit(part, others, Options(transforms=False))
    shares = [float(one.leaked.mean()) for one in found.against]
    assert all(share > 0.1 for share in shares), shares
