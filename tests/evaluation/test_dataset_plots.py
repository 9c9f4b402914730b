from pathlib import Path

import cv2
import numpy as np
import pytest

from tumorlens.datasets.records import Record
from tumorlens.errors import DatasetError
from tumorlens.evaluation import dataset_plots as plots
from tumorlens.labels import CLASSES, TumorClass, UnknownTumor
from tumorlens.phantoms import random_phantom

pytestmark = pytest.mark.extra_eval


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    made = []
    for index in range(8):
        label = CLASSES[index % 4]
        phantom = random_phantom(np.random.default_rng(index), label, 64)
        image, mask = tmp_path / f"{index}.png", tmp_path / f"{index}_mask.png"
        image.write_bytes(cv2.imencode(".png", phantom.pixels.astype(np.uint8))[1].tobytes())
        mask.write_bytes(cv2.imencode(".png", phantom.mask.astype(np.uint8) * 255)[1].tobytes())
        made.append(Record(image.name, image, label, mask=mask))
    return made


def is_picture(path: Path) -> bool:
    picture = cv2.imread(str(path))
    return picture is not None and min(picture.shape[:2]) > 200 and float(picture.std()) > 10


def test_masked_pixels_turn_red_and_others_stay() -> None:
    image, mask = np.full((4, 4), 0.5, np.float32), np.zeros((4, 4), np.bool_)
    mask[1, 2] = True
    color = plots.painted(image, mask)
    np.testing.assert_allclose(color[1, 2], [0.8, 0.26, 0.26], atol=1e-6)
    assert (color[~mask] == 0.5).all() and color.shape == (4, 4, 3)


def test_examples_and_masks_are_drawn_alike_for_a_seed(records: list[Record], tmp_path: Path) -> None:
    for name in ("a", "b"):
        plots.plot_examples(tmp_path / f"{name}.out.png", records, seed=1, per_class=2)
        plots.plot_masks(tmp_path / f"{name}.masks.png", records, seed=1, count=2)
    assert is_picture(tmp_path / "a.out.png") and is_picture(tmp_path / "a.masks.png")
    assert (tmp_path / "a.out.png").read_bytes() == (tmp_path / "b.out.png").read_bytes()
    assert (tmp_path / "a.masks.png").read_bytes() == (tmp_path / "b.masks.png").read_bytes()


def test_panels_need_a_mask_with_a_tumor(records: list[Record], tmp_path: Path) -> None:
    healthy = [record for record in records if record.label is TumorClass.NO_TUMOR]
    with pytest.raises(DatasetError, match="No image has a mask with a tumor"):
        plots.plot_masks(tmp_path / "x.png", healthy, seed=0)
    assert not (tmp_path / "x.png").exists()


def test_counts_keep_labels_of_unknown_type(records: list[Record], tmp_path: Path) -> None:
    counts = plots.class_counts([*records, Record("x", Path("x"), UnknownTumor.TUMOR)])
    assert counts == {"glioma": 2, "meningioma": 2, "pituitary": 2, "no_tumor": 2, "tumor": 1}
    plots.plot_class_counts(tmp_path / "counts.png", {"train": counts, "test": {"glioma": 3}}, "Images")
    assert is_picture(tmp_path / "counts.png")


def test_map_and_ages(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(24, 60)).astype(np.float32)
    labels = [str(CLASSES[index % 4]) for index in range(24)]
    plots.plot_map(tmp_path / "map.png", vectors, labels, seed=0)
    plots.plot_ages(tmp_path / "ages.png", {f"p{age}": age for age in (20, 33, 34, 61)})
    assert is_picture(tmp_path / "map.png") and is_picture(tmp_path / "ages.png")
    with pytest.raises(DatasetError, match="at least 10 images, and there are 9"):
        plots.plot_map(tmp_path / "x.png", vectors[:9], labels[:9], seed=0)
    with pytest.raises(DatasetError, match="No patient's age is known"):
        plots.plot_ages(tmp_path / "x.png", {})


def test_originals_stand_beside_their_copies(tmp_path: Path) -> None:
    image = random_phantom(np.random.default_rng(0), TumorClass.GLIOMA, 64).pixels / 255
    plots.plot_augmented(tmp_path / "augmented.png", [(image, [image[::-1], image[:, ::-1]])] * 2)
    assert is_picture(tmp_path / "augmented.png")


def test_bad_crops_are_shown_or_said_to_be_none(records: list[Record], tmp_path: Path) -> None:
    plots.plot_bad_crops(tmp_path / "bad.png", records[:3], total=8)
    assert is_picture(tmp_path / "bad.png")
    with pytest.raises(DatasetError, match="In each of 8 pictures a head can be found"):
        plots.plot_bad_crops(tmp_path / "x.png", [], total=8)


def test_copies_join_the_originals_in_the_second_panel(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(24, 60)).astype(np.float32)
    labels = [str(CLASSES[index % 4]) for index in range(24)]
    plots.plot_balancing(tmp_path / "map.png", vectors, labels, np.arange(24) % 3 == 0, seed=0)
    assert is_picture(tmp_path / "map.png")
