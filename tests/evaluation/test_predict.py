from pathlib import Path

import cv2
import numpy as np
import pytest
from answers import brightness_classifier, glioma_and_none, half_segmenter, picture, record, save

from tumorlens.errors import DatasetError
from tumorlens.evaluation.predict import outline, predict, truth_of
from tumorlens.labels import TumorClass, UnknownTumor

pytestmark = pytest.mark.extra_eval
TWO = ("glioma", "no_tumor")


def test_answers_stand_beside_the_truth_in_the_order_of_the_records(tmp_path: Path) -> None:
    records = glioma_and_none(tmp_path, 12)
    done: list[int] = []
    found = predict(brightness_classifier(TWO), records, progress=done.append)
    assert found.table.ids == tuple(one.id for one in records)
    assert found.table.truth.tolist() == [1, 0] * 6
    # A picture of noise alone is brighter on either side by chance; the gliomas are brighter on the left.
    assert found.table.labels[1::2].tolist() == [0] * 6
    assert done == [8, 12]


def test_an_unreadable_file_is_listed_and_the_run_goes_on(tmp_path: Path) -> None:
    records = glioma_and_none(tmp_path, 4)
    records[1].path.write_bytes(b"no picture")
    found = predict(brightness_classifier(TWO), records)
    assert found.table.ids == ("0.png", "2.png", "3.png")
    ((path, sentence),) = found.table.unread
    assert path == str(records[1].path) and sentence.endswith(".")


def test_nothing_readable_nothing_there_and_no_common_class_are_errors(tmp_path: Path) -> None:
    records = glioma_and_none(tmp_path, 2)
    with pytest.raises(DatasetError, match="no images to evaluate"):
        predict(brightness_classifier(TWO), [])
    with pytest.raises(DatasetError, match=r"labelled glioma, no_tumor, and the model knows pear, apple"):
        predict(brightness_classifier(("pear", "apple")), records)
    for one in records:
        one.path.write_bytes(b"")
    with pytest.raises(DatasetError, match="None of the 2 images can be read"):
        predict(brightness_classifier(TWO), records)


def test_an_interrupted_run_goes_on_from_its_cache(tmp_path: Path) -> None:
    records, cache = glioma_and_none(tmp_path, 24), tmp_path / "kept.csv"

    def stop(done: int) -> None:
        if done == 16:
            raise KeyboardInterrupt

    first = brightness_classifier(TWO)
    with pytest.raises(KeyboardInterrupt):
        predict(first, records, progress=stop, cache=cache)
    second = brightness_classifier(TWO)
    found = predict(second, records, cache=cache)
    assert sum(second.session.batches) == 8  # type: ignore[attr-defined]
    whole = predict(brightness_classifier(TWO), records)
    assert np.allclose(found.table.probabilities, whole.table.probabilities, atol=1e-8)
    assert found.table.ids == whole.table.ids


def test_a_damaged_cache_is_as_good_as_none(tmp_path: Path) -> None:
    records = glioma_and_none(tmp_path, 4)
    (tmp_path / "kept.csv").write_bytes(b"\xff\xfe rubbish")
    assert len(predict(brightness_classifier(TWO), records, cache=tmp_path / "kept.csv").table) == 4


def test_images_are_degraded_before_they_are_answered(tmp_path: Path) -> None:
    records = [record(tmp_path, f"{one}.png", TumorClass.GLIOMA, 200) for one in range(2)]
    plain = predict(brightness_classifier(TWO), records)
    mirrored = predict(brightness_classifier(TWO), records, degrade=lambda pixels: pixels[:, ::-1])
    assert plain.table.labels.tolist() == [0, 0] and mirrored.table.labels.tolist() == [1, 1]


def test_an_image_that_is_constant_once_degraded_is_listed(tmp_path: Path) -> None:
    records = glioma_and_none(tmp_path, 2)
    found = predict(
        brightness_classifier(TWO), records, degrade=lambda one: one * 0 if one[:, :16].mean() > 100 else one
    )
    assert found.table.ids == ("0.png",) and "constant once it is degraded" in found.table.unread[0][1]


def test_a_yes_no_model_is_right_with_tumor_for_every_type(tmp_path: Path) -> None:
    records = [
        record(tmp_path, f"{label}.png", label, 100)
        for label in (TumorClass.MENINGIOMA, TumorClass.NO_TUMOR, UnknownTumor.TUMOR)
    ]
    found = predict(brightness_classifier(("no_tumor", "tumor")), records)
    assert found.table.truth.tolist() == [1, 0, 1]
    assert truth_of(records[2], ("glioma", "no_tumor")) is None


def test_similarity_and_the_nearest_label_come_from_what_taught(tmp_path: Path) -> None:
    records = glioma_and_none(tmp_path, 4)
    copy = record(tmp_path / "train", "copy.png", TumorClass.PITUITARY, 0)
    save(copy.path, picture(200, len("1.png")))
    other = record(tmp_path / "train", "other.png", TumorClass.NO_TUMOR, 30)
    broken = record(tmp_path / "train", "broken.png", TumorClass.GLIOMA, 30)
    broken.path.write_bytes(b"")
    found = predict(brightness_classifier(TWO), records, taught=[copy, other, broken])
    assert found.table.similarity is not None and found.neighbour is not None
    assert found.table.similarity[1] == pytest.approx(1.0, abs=1e-5)
    # The model has no label for the copy's class, so taking that answer is wrong.
    assert found.neighbour[1] == "" and found.neighbour[0] in ("", "no_tumor")
    assert predict(brightness_classifier(TWO), records).table.similarity is None


def test_groups_are_patients_or_clusters_of_near_duplicates(tmp_path: Path) -> None:
    twins = [record(tmp_path, name, TumorClass.GLIOMA, 200) for name in ("a.png", "b.png")]
    noise = np.random.default_rng(3).integers(0, 255, (32, 32)).astype(np.uint8)
    alone = record(tmp_path, "c.png", TumorClass.NO_TUMOR, 0)
    save(alone.path, noise)
    found = predict(brightness_classifier(TWO), [*twins, alone])
    assert found.grouped_by == "near-duplicate cluster" and found.table.groups == ("a.png", "a.png", "c.png")
    patients = [record(tmp_path, f"{one}p.png", TumorClass.GLIOMA, 200, group="p") for one in range(2)]
    found = predict(brightness_classifier(TWO), [*patients, alone])
    assert found.grouped_by == "patient" and found.table.groups == ("p", "p", "c.png")


def test_outlines_are_scored_at_their_own_resolution(tmp_path: Path) -> None:
    mask = np.zeros((32, 32), np.uint8)
    mask[:, :16] = 255
    pixels = np.zeros((32, 32), np.uint8)
    pixels[:, :12] = 200
    image, truth = save(tmp_path / "a.png", pixels), save(tmp_path / "a-mask.png", mask)
    one = record(tmp_path, "a.png", TumorClass.GLIOMA, 0, mask=truth, spacing_mm=(0.5, 0.5))
    save(image, pixels)
    found = outline(half_segmenter(), [one]).table
    assert found.dice[0] == pytest.approx(2 * 12 / (12 + 16), abs=0.02)
    assert found.hd95[0] == pytest.approx(4 * 0.5, abs=0.51)
    assert found.area_px.tolist() == [512] and found.unit == "mm"


def test_masks_that_do_not_fit_are_listed_or_refused(tmp_path: Path) -> None:
    good = save(tmp_path / "m.png", np.full((32, 32), 255, np.uint8))
    small = save(tmp_path / "s.png", np.full((8, 8), 255, np.uint8))
    dark = save(tmp_path / "d.png", np.eye(32, dtype=np.uint8))
    records = [
        record(tmp_path, f"{index}.png", TumorClass.GLIOMA, 90, mask=mask)
        for index, mask in enumerate((good, small, dark, None))
    ]
    found = outline(half_segmenter(), records).table
    assert found.ids == ("0.png",)
    sentences = [sentence for _, sentence in found.unread]
    assert "has shape" in sentences[0] and "nowhere brighter than 1" in sentences[1] and "no mask" in sentences[2]
    with pytest.raises(DatasetError, match="None of these images has a mask"):
        outline(half_segmenter(), records[3:])
    assert cv2.imread(str(dark)) is not None
