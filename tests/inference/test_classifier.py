import numpy as np
import pytest
from rule_session import RuleSession, manifest

from tumorlens import Scan
from tumorlens.inference.classifier import Classifier

LEFT_BRIGHT = np.zeros((32, 32), np.float32)
LEFT_BRIGHT[:, :16] = 100.0


def sides(images: np.ndarray) -> dict[str, np.ndarray]:
    """Logit of glioma: brightness of the left half; of meningioma: of the right half."""
    left, right = images[..., :16].mean(axis=(1, 2, 3)), images[..., 16:].mean(axis=(1, 2, 3))
    logits = np.stack([left, right, left * 0 - 9, left * 0 - 9], axis=1)
    return {"logits": logits, "features": images, "head_weight": np.array([[1.0], [-1.0], [0.0], [0.0]])}


def test_probabilities_are_a_softmax_at_the_manifests_temperature() -> None:
    hot, cold = (
        Classifier(RuleSession(manifest("classification", temperature=one), sides))([Scan(LEFT_BRIGHT)])[0]
        for one in (2.0, 0.5)
    )
    assert hot.label == cold.label == "glioma"
    assert sum(cold.probabilities.values()) == pytest.approx(1.0, abs=1e-6)
    ratio = np.log(cold.probabilities["glioma"] / cold.probabilities["meningioma"])
    assert ratio == pytest.approx(1.0 / 0.5, abs=1e-4)
    assert np.log(hot.probabilities["glioma"] / hot.probabilities["meningioma"]) == pytest.approx(0.5, abs=1e-4)


def test_averaging_over_the_mirror_image_makes_the_answer_symmetric() -> None:
    session = RuleSession(manifest("classification", flip_average=True), sides)
    (answer,) = Classifier(session)([Scan(LEFT_BRIGHT)])
    assert answer.probabilities["glioma"] == pytest.approx(answer.probabilities["meningioma"], abs=1e-6)


def test_activation_map_lies_on_the_slice_where_the_evidence_is() -> None:
    described = manifest("classification", activation="cam")
    wide = np.zeros((64, 128), np.float32)
    wide[:, :64] = 50.0
    (answer,) = Classifier(RuleSession(described, sides))([Scan(wide)])
    assert answer.activation_map is not None and answer.activation_map.shape == (64, 128)
    assert answer.activation_map[:, :56].min() > 0.9
    assert answer.activation_map[:, 72:].max() < 0.1


def test_a_model_without_maps_answers_without_them() -> None:
    (answer,) = Classifier(RuleSession(manifest("classification"), sides))([Scan(LEFT_BRIGHT)])
    assert answer.activation_map is None


def test_labels_come_from_the_manifest() -> None:
    described = manifest("classification", classes=("yes", "no", "b", "c"))
    (answer,) = Classifier(RuleSession(described, sides))([Scan(LEFT_BRIGHT)])
    assert answer.label == "yes" and list(answer.probabilities) == ["yes", "no", "b", "c"]


def test_slices_are_answered_in_one_batch_and_in_order() -> None:
    session = RuleSession(manifest("classification"), sides)
    answers = Classifier(session)([Scan(LEFT_BRIGHT), Scan(LEFT_BRIGHT[:, ::-1])])
    assert [one.label for one in answers] == ["glioma", "meningioma"]
    assert session.batches == [2]
