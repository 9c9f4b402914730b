"""Published figures beside ours: names, classes, degraded images."""

import pytest

from tumorlens.evaluation.published import (
    beside_published,
    headline,
    name_for_people,
    published_on,
)

pytestmark = pytest.mark.extra_eval
PUBLISHED = {"accuracy": 0.75, "recall_no_tumor": 0.8, "accuracy_on_mixed": 0.73, "auroc_glioma_on_mixed": 0.72}


def test_figures_of_degraded_images_stand_beside_such_alone() -> None:
    assert published_on(PUBLISHED) == published_on(PUBLISHED, "none") == {"accuracy": 0.75, "recall_no_tumor": 0.8}
    assert published_on(PUBLISHED, "mixed") == {"accuracy": 0.73, "auroc_glioma": 0.72}
    assert published_on(PUBLISHED, "blur15") == {}
    assert headline(PUBLISHED) == {"accuracy": 0.75}


def test_each_name_finds_ours() -> None:
    intervals = {"accuracy": {"value": 0.9}, "macro_f1": {"value": 0.8}, "recall_glioma": {"value": 0.7}}
    published = {"test_accuracy": 1, "f1": 1, "recall_glioma": 1, "val_loss": 1, "f1_glioma": 1}
    found = {one["name"]: one["ours"] for one in beside_published(published, intervals, {"val_loss": 0.25})}
    assert found == {
        "test_accuracy": {"value": 0.9},
        "f1": {"value": 0.8},
        "recall_glioma": {"value": 0.7},
        "val_loss": {"value": 0.25},
        "f1_glioma": None,
    }


def test_a_segmenters_precision_is_its_own_and_not_a_mean_of_classes() -> None:
    (row,) = beside_published({"precision": 1}, {"precision": {"value": 0.6}}, {})
    assert row["ours"] == {"value": 0.6}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("test_accuracy", "Accuracy"),
        ("f1", "F1, mean of classes"),
        ("recall_no_tumor", "Recall, no tumor"),
        ("val_loss", "Loss, validation"),
        ("train_accuracy", "Accuracy, training"),
        ("macro_auroc", "AUROC, mean of classes"),
    ],
)
def test_names_are_words(name: str, words: str) -> None:
    assert name_for_people(name) == words
