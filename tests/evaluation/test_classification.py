import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorlens.errors import EvaluationError
from tumorlens.evaluation import classification as figures_of
from tumorlens.evaluation.classification import (
    classification_intervals,
    classification_report,
    confusion_matrix,
    known_labels,
    pr_curves,
    roc_curves,
)

ABC = ("a", "b", "c")


def answers(labels: list[int], classes: int = 3) -> np.ndarray:
    """Probabilities whose likeliest class is each label."""
    return np.full((len(labels), classes), 0.1) + np.eye(classes)[labels] * (1 - 0.1 * classes)


def random_answers(images: int = 200, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Truth and probabilities that know something of it, rounded so that there are ties."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=images)
    scores = np.round(rng.dirichlet(np.ones(classes), size=images) + 0.3 * np.eye(classes)[truth], 2)
    return truth, scores / scores.sum(axis=1, keepdims=True)


def test_figures_of_six_images_by_hand() -> None:
    found = classification_report([0, 0, 0, 1, 1, 2], answers([0, 0, 1, 1, 2, 2]), ABC)
    assert found.confusion == ((2, 1, 0), (0, 1, 1), (0, 0, 1))
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert found.macro_precision == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)
    assert found.per_class["a"].f1 == pytest.approx(0.8)
    assert found.per_class["b"].specificity == pytest.approx(3 / 4)
    assert found.per_class["c"].recall == 1.0
    assert (found.per_class["b"].support, found.per_class["b"].predicted) == (2, 2)
    # Chance agreement is (3 * 2 + 2 * 2 + 1 * 2) / 36 = 1/3.
    assert found.kappa == pytest.approx((4 / 6 - 1 / 3) / (2 / 3))
    # Gorodkin: (4 * 6 - 12) / sqrt((36 - 12) (36 - 14)).
    assert found.mcc == pytest.approx(12 / np.sqrt(24 * 22))


def test_ranking_figures_by_hand() -> None:
    positive = np.array([0.9, 0.8, 0.8, 0.3, 0.2])
    truth = np.array([0, 0, 1, 1, 0])
    found = classification_report(truth, np.stack([positive, 1 - positive], axis=1), ("yes", "no")).per_class["yes"]
    # Of 3 x 2 pairs: 0.9 beats both, 0.8 beats one and ties one, 0.2 beats none.
    assert found.auroc == pytest.approx(3.5 / 6)
    assert found.auprc == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3 + 1 / 3 * 3 / 5)
    assert found.sensitivity_at == {"0.90": pytest.approx(1 / 3), "0.95": pytest.approx(1 / 3)}


def test_curves_by_hand() -> None:
    positive = np.array([0.9, 0.8, 0.8, 0.3])
    scores = np.stack([positive, 1 - positive], axis=1)
    roc = roc_curves([0, 0, 1, 1], scores, ("yes", "no"))["yes"]
    assert roc is not None
    assert roc.x.tolist() == [0, 0, 0.5, 1]
    assert roc.y.tolist() == [0, 0.5, 1, 1]
    assert roc.thresholds.tolist() == [np.inf, 0.9, 0.8, 0.3]
    pr = pr_curves([0, 0, 1, 1], scores, ("yes", "no"))["yes"]
    assert pr is not None
    assert pr.x.tolist() == [0.5, 1, 1]
    assert pr.y == pytest.approx([1, 2 / 3, 1 / 2])


def test_a_class_that_no_image_has_is_left_out_without_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = classification_report([0, 0, 1], answers([0, 2, 1]), ABC)
        assert classification_intervals([0, 0, 1], answers([0, 2, 1]), ABC)["recall_c"] is None
        assert roc_curves([0, 0, 1], answers([0, 2, 1]), ABC)["c"] is None
        assert pr_curves([0, 0, 1], answers([0, 2, 1]), ABC)["c"] is None
    absent = found.per_class["c"]
    assert (absent.recall, absent.auroc, absent.auprc, absent.sensitivity_at["0.90"]) == (None, None, None, None)
    assert (absent.precision, absent.f1, absent.specificity) == (0.0, 0.0, pytest.approx(2 / 3))
    assert found.balanced_accuracy == found.macro_recall == pytest.approx(0.75)


def test_one_class_only_is_defined_where_it_can_be() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = classification_report([1, 1], answers([1, 1]), ABC)
        text = found.to_text()
    assert (found.accuracy, found.macro_f1, found.mcc, found.kappa, found.macro_auroc) == (1.0, 1.0, None, None, None)
    assert (found.per_class["a"].precision, found.per_class["a"].f1) == (None, None)
    assert found.per_class["b"].specificity is None
    assert "Cohen's kappa: -" in text


def test_a_class_that_is_there_and_never_answered_has_precision_0() -> None:
    assert classification_report([0, 1], answers([0, 0]), ABC).per_class["b"].precision == 0.0


@pytest.mark.parametrize(
    ("truth", "scores", "sentence"),
    [
        ([], np.empty((0, 3)), "no images"),
        ([0, 1], answers([0]), "do not fit 2 labels and 3 classes"),
        ([0], answers([0], 2), "do not fit 1 labels and 3 classes"),
        ([3], answers([0]), "from 0 to 2"),
        ([-1], answers([0]), "from 0 to 2"),
        ([0.5], answers([0]), "whole numbers"),
        ([0], answers([0]) * 10, "not logits"),
        ([0], answers([0]) * np.nan, "not logits"),
    ],
)
def test_what_means_nothing_is_refused(truth: list[int], scores: np.ndarray, sentence: str) -> None:
    with pytest.raises(EvaluationError, match=sentence):
        classification_report(truth, scores, ABC)


def test_labels_that_the_model_knows_are_found_and_none_at_all_is_refused() -> None:
    index, known = known_labels(["b", "x", "a"], ABC)
    assert index.tolist() == [1, -1, 0]
    assert known.tolist() == [True, False, True]
    with pytest.raises(EvaluationError, match=r"None of the labels \(x, y\) is one the model knows \(a, b, c\)"):
        known_labels(["y", "x"], ABC)
    with pytest.raises(EvaluationError, match="no images"):
        known_labels([], ABC)


def test_the_report_goes_into_json_and_text() -> None:
    import json

    found = classification_report(*random_answers(), ("a", "b", "c", "d"))
    assert json.loads(json.dumps(found.to_dict()))["per_class"]["d"]["support"] == found.per_class["d"].support
    assert f"accuracy: {found.accuracy:.4f}" in found.to_text()


def test_intervals_hold_their_value_and_a_resample_of_each_image_once_gives_the_figure() -> None:
    truth, scores = random_answers()
    report = classification_report(truth, scores, ("a", "b", "c", "d"))
    found = classification_intervals(truth, scores, ("a", "b", "c", "d"), resamples=200)
    assert len(found) == 9 + 4 * 8
    for name, interval in found.items():
        assert interval is not None, name
        assert interval.low <= interval.value <= interval.high, name
    assert found["macro_f1"].value == report.macro_f1  # type: ignore[union-attr]
    assert found["auroc_b"].value == report.per_class["b"].auroc  # type: ignore[union-attr]


def test_weights_count_as_repeated_images() -> None:
    truth, scores = random_answers(40)
    times = np.random.default_rng(2).integers(0, 3, size=40)
    rows = np.repeat(np.arange(40), times)
    for name in figures_of._metrics(("a", "b", "c", "d")):
        metric = figures_of._metrics(("a", "b", "c", "d"))[name]
        (weighted,) = metric.weighted(truth, scores, weights=times[None].astype(float))  # type: ignore[union-attr]
        assert weighted == pytest.approx(metric(truth[rows], scores[rows]), nan_ok=True), name


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30), st.randoms())
def test_the_order_of_the_images_does_not_matter(pairs: list[tuple[int, int]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = (
        classification_report([one for one, _ in rows], answers([two for _, two in rows]), ABC)
        for rows in (pairs, shuffled)
    )
    assert first.confusion == second.confusion
    assert first.accuracy == second.accuracy
    assert np.trace(first.confusion) / len(pairs) == pytest.approx(first.accuracy)


@pytest.mark.extra_eval
@pytest.mark.parametrize("seed", range(3))
def test_figures_agree_with_scikit_learn(seed: int) -> None:
    from sklearn import metrics

    names = ("a", "b", "c", "d")
    truth, scores = random_answers(seed=seed)
    label = scores.argmax(axis=1)
    found = classification_report(truth, scores, names)
    assert (confusion_matrix(truth, scores) == metrics.confusion_matrix(truth, label)).all()
    assert found.accuracy == pytest.approx(metrics.accuracy_score(truth, label))
    assert found.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(truth, label))
    assert found.macro_f1 == pytest.approx(metrics.f1_score(truth, label, average="macro"))
    assert found.macro_precision == pytest.approx(metrics.precision_score(truth, label, average="macro"))
    assert found.mcc == pytest.approx(metrics.matthews_corrcoef(truth, label))
    assert found.kappa == pytest.approx(metrics.cohen_kappa_score(truth, label))
    assert found.macro_auroc == pytest.approx(metrics.roc_auc_score(truth, scores, multi_class="ovr"))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(truth, label)
    roc, pr = roc_curves(truth, scores, names), pr_curves(truth, scores, names)
    for index, name in enumerate(names):
        one, positive, column = found.per_class[name], truth == index, scores[:, index]
        assert (one.precision, one.recall, one.f1, one.support) == pytest.approx(
            (precision[index], recall[index], f1[index], support[index])
        )
        assert one.auroc == pytest.approx(metrics.roc_auc_score(positive, column))
        assert one.auprc == pytest.approx(metrics.average_precision_score(positive, column))
        x, y, thresholds = metrics.roc_curve(positive, column, drop_intermediate=False)
        assert roc[name].x == pytest.approx(x)
        assert roc[name].y == pytest.approx(y)
        assert roc[name].thresholds == pytest.approx(thresholds)
        for wanted in (0.90, 0.95):
            assert one.sensitivity_at[f"{wanted:.2f}"] == pytest.approx(y[1 - x >= wanted - 1e-9].max())
        precisions, recalls, _ = metrics.precision_recall_curve(positive, column)
        assert pr[name].y == pytest.approx(precisions[-2::-1])
        assert pr[name].x == pytest.approx(recalls[-2::-1])
