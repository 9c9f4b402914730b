from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.similarity import nearest, thumbnails
from tumorlens.errors import EvaluationError
from tumorlens.evaluation import baselines
from tumorlens.evaluation.baselines import majority_class, nearest_index, nearest_neighbour


def unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def test_the_class_of_the_most_similar_training_image_is_the_answer() -> None:
    references = unit(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    found = nearest_neighbour(unit(np.array([[1.0, 0.1], [0.2, 1.0], [-1.0, -3.0]])), references, [2, 0, 1], 3)
    assert found.neighbour.tolist() == [0, 1, 0]
    assert found.probabilities.tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1]]
    assert found.correlation == pytest.approx([1 / np.sqrt(1.01), 1 / np.sqrt(1.04), -1 / np.sqrt(10)])


def test_blocks_change_nothing_and_the_correlation_is_that_of_the_leak_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    queries, references = unit(rng.normal(size=(50, 20))), unit(rng.normal(size=(70, 20)))
    index, correlation = nearest_index(queries, references)
    assert correlation == pytest.approx(nearest(queries, references))
    monkeypatch.setattr(baselines, "ROWS_AT_ONCE", 7)
    again, _ = nearest_index(queries, references)
    assert (again == index).all()


def test_no_queries_give_no_answers() -> None:
    assert nearest_neighbour(np.empty((0, 2), np.float32), np.ones((1, 2), np.float32), [0], 2).probabilities.shape == (
        0,
        2,
    )


def test_the_majority_class_is_answered_with_its_share() -> None:
    found = majority_class([1, 1, 2, 1], 4, images=3)
    assert found.shape == (3, 4)
    assert found[0].tolist() == [0, 0.75, 0.25, 0]


def test_what_cannot_be_learned_from_is_refused() -> None:
    none = np.empty((0, 2), np.float32)
    with pytest.raises(EvaluationError, match="no training images to learn"):
        nearest_neighbour(none, none, [], 2)
    with pytest.raises(EvaluationError, match="no training images to be near to"):
        nearest_index(none, none)
    with pytest.raises(EvaluationError, match="2 classes for 1 training images"):
        nearest_neighbour(none, np.ones((1, 2), np.float32), [0, 1], 2)
    with pytest.raises(EvaluationError, match="from 0 to 1"):
        majority_class([2], 2, images=1)


def test_thumbnails_alone_are_right_for_most_of_a_sample_of_nickparvar(real_data: Callable[[str], Path]) -> None:
    collection = load_collection("nickparvar", real_data("nickparvar-224"))
    train, test = collection.part("Training")[::8], collection.part("Testing")[::16]
    classes = sorted({str(one.label) for one in train})
    truth = [np.array([classes.index(str(one.label)) for one in records]) for records in (train, test)]
    vectors = [thumbnails([one.path for one in records]) for records in (test, train)]
    found = nearest_neighbour(vectors[0], vectors[1], truth[0], len(classes)).probabilities
    likeliest = majority_class(truth[0], len(classes), len(test))
    right, chance = ((one.argmax(axis=1) == truth[1]).mean() for one in (found, likeliest))
    assert chance < 0.5
    assert right > chance + 0.2
