"""The path scan, gate, classifier, segmenter, on models that answer by rule."""

import json
import subprocess
import sys

import jsonschema
import numpy as np
import pytest
from rule_session import RuleSession, manifest

from tumorlens import Analysis, Scan
from tumorlens.inference.analysis import OVERRIDDEN, REFUSED
from tumorlens.inference.analyze import Analyzer
from tumorlens.inference.classifier import Classifier, prediction_set
from tumorlens.inference.document import json_schema
from tumorlens.inference.gate import Gate
from tumorlens.inference.manifest import AreaInterval, Conformal
from tumorlens.inference.segmenter import Segmenter
from tumorlens.inference.shipped import DEFAULT_CLASSIFIER, shipped_model
from tumorlens.phantoms import demo_phantoms
from tumorlens.request import AnalysisRequest

CONFORMAL = Conformal(coverage=0.95, threshold=0.1, images=100, data="made")
INTERVAL = AreaInterval(coverage=0.9, low=0.5, high=1.5, images=100, data="made")


def picture(border: float, spot: float = 100.0) -> np.ndarray:
    """A slice whose border the made gate looks at, and whose spot the made segmenter outlines."""
    pixels = np.full((64, 64), 20.0, np.float32)
    pixels[:8], pixels[-8:], pixels[:, :8], pixels[:, -8:] = border, border, border, border
    pixels[24:40, 24:40] = spot
    return pixels


def dark_border(images: np.ndarray) -> dict[str, np.ndarray]:
    return {"logits": 8 * (0.3 - images[:, 0, 0, :].mean(axis=1, keepdims=True))}


HEAD, PHOTO = picture(0.0), picture(90.0)


class Made:
    """An analyzer of three made models, whose sessions can be asked what came to them."""

    def __init__(self, logits: tuple[float, ...] = (4.0, 3.0, 0.0, 0.0), **classifier: object) -> None:
        self.sessions = {
            "gate": RuleSession(
                manifest("gate"), lambda x: {"logits": 8 * (0.3 - x[:, 0, 0, :].mean(axis=1))[:, None]}
            ),
            "classification": RuleSession(
                manifest("classification", **{"conformal": CONFORMAL, **classifier}),
                lambda x: {"logits": np.tile(np.float32(logits), (len(x), 1))},
            ),
            "segmentation": RuleSession(
                manifest("segmentation", area_interval=INTERVAL), lambda x: {"logits": np.where(x > 0.95, 4.0, -4.0)}
            ),
        }
        self.analyzer = Analyzer(classifier=shipped_model(DEFAULT_CLASSIFIER), gate=False)
        self.analyzer.gate = Gate(self.sessions["gate"])
        self.analyzer.classifier = Classifier(self.sessions["classification"])
        self.analyzer.segmenter = Segmenter(self.sessions["segmentation"])

    def asked(self, task: str) -> int:
        return sum(self.sessions[task].batches)


def test_what_the_gate_refuses_gets_no_class_and_goes_no_further() -> None:
    made = Made()
    found = made.analyzer.analyze(PHOTO)
    assert (found.status, found.label, found.confidence, found.message) == ("refused", None, None, REFUSED)
    assert (found.probabilities, found.mask, found.regions, found.activation_map) == ({}, None, (), None)
    assert (found.prediction_set, found.trust, found.area_interval) == ((), None, None)
    assert found.gate_score is not None and found.gate_score < 0.5
    assert found.reason is not None and "brain MRI" in found.reason
    assert [one.task for one in found.models] == ["gate"]
    assert made.asked("classification") == made.asked("segmentation") == 0
    document = json.loads(found.to_json())
    jsonschema.validate(document, json_schema(), cls=jsonschema.Draft202012Validator)
    assert (document["status"], document["label"], document["mask"]) == ("refused", None, None)


def test_an_overridden_gate_is_a_warning() -> None:
    found = Made().analyzer.analyze(PHOTO, AnalysisRequest(gate=False))
    assert (found.status, found.label) == ("answered", "glioma")
    assert found.warnings[0].startswith(OVERRIDDEN) and found.reason in found.warnings[0]
    assert found.gate_score is not None and found.gate_score < 0.5


@pytest.mark.parametrize("gate", [True, False])
def test_what_passes_the_gate_is_answered_the_same_with_and_without_it(gate: bool) -> None:
    found = Made().analyzer.analyze(HEAD, AnalysisRequest(gate=gate))
    assert (found.status, found.reason, found.warnings) == ("answered", None, ())
    assert [one.task for one in found.models] == ["gate", "classification", "segmentation"]
    assert set(found.timings or {}) == {"read", "gate", "classify", "segment", "measure"}


def test_many_keep_their_order_with_the_refused_in_their_place() -> None:
    made = Made()
    found = list(made.analyzer.analyze_many([PHOTO, HEAD, PHOTO, HEAD, HEAD]))
    assert [one.status for one in found if isinstance(one, Analysis)] == [
        "refused", "answered", "refused", "answered", "answered",
    ]  # fmt: skip
    assert (made.asked("gate"), made.asked("classification"), made.asked("segmentation")) == (5, 3, 3)
    read = list(made.analyzer.analyze_many([PHOTO, HEAD], AnalysisRequest(gate=False)))
    assert [one.label for one in read if isinstance(one, Analysis)] == ["glioma", "glioma"]


def test_an_analyzer_without_a_gate_asks_none() -> None:
    analyzer = Analyzer(gate=False)
    found = analyzer.analyze(PHOTO)
    assert found.gate_score is None and found.status == "answered" and "gate" not in (found.timings or {})
    assert "gate" not in {one.task for one in (*found.models, *analyzer.manifests)}


def test_classes_that_remain_possible_are_named_in_a_sentence() -> None:
    found = Made().analyzer.analyze(HEAD)
    assert found.prediction_set == ("glioma", "meningioma")
    assert found.trust == "Two classes remain possible: glioma and meningioma (at 95 % coverage)."
    three = Made((2.0, 2.5, 2.1, -9.0)).analyzer.analyze(HEAD)
    assert three.trust == ("Three classes remain possible: meningioma, pituitary tumor and glioma (at 95 % coverage).")
    sure = Made((9.0, 0.0, 0.0, 0.0)).analyzer.analyze(HEAD)
    assert sure.prediction_set == ("glioma",) and sure.trust is None
    unknown = Made(conformal=None).analyzer.analyze(HEAD)
    assert unknown.prediction_set == () and unknown.trust is None


def test_the_likeliest_class_is_in_the_set_whatever_the_threshold() -> None:
    strict = CONFORMAL.model_copy(update={"threshold": 1.0})
    assert prediction_set({"a": 0.3, "b": 0.4, "c": 0.3}, strict) == ("b",)
    loose = CONFORMAL.model_copy(update={"threshold": 0.0})
    assert prediction_set({"a": 0.3, "b": 0.4, "c": 0.2}, loose) == ("b", "a", "c")


def test_areas_carry_their_interval() -> None:
    found = Made().analyzer.analyze(HEAD, AnalysisRequest(spacing_mm=(0.5, 0.5)))
    (region,) = found.regions
    document = found.to_dict()["area_interval"]
    assert document["coverage"] == 0.9
    assert document["px"] == [region.area_px * 0.5, region.area_px * 1.5]
    assert document["mm2"] == pytest.approx([region.area_px * 0.125, region.area_px * 0.375])
    assert document["regions"] == [{"px": document["px"], "mm2": document["mm2"]}]


@pytest.mark.parametrize(("logits", "label", "message"), [
    ((0.0, 3.0), "tumor", "Tumor suspected"), ((3.0, 0.0), "no_tumor", "No tumor detected"),
])  # fmt: skip
def test_models_of_yes_and_no(logits: tuple[float, float], label: str, message: str) -> None:
    made = Made(logits, classes=("no_tumor", "tumor"))
    found = made.analyzer.analyze(HEAD)
    assert (found.label, found.message) == (label, message)
    assert made.asked("segmentation") == (label == "tumor")
    assert set(found.probabilities) == {"no_tumor", "tumor"}
    jsonschema.validate(json.loads(found.to_json()), json_schema())


def test_labels_of_ones_own_are_named_in_words() -> None:
    found = Made((0.0, 3.0, 2.9), classes=("no_tumor", "low_grade_glioma", "other")).analyzer.analyze(HEAD)
    assert found.message == "Low grade glioma suspected"
    assert found.trust == "Two classes remain possible: low grade glioma and other (at 95 % coverage)."


def test_analysis_loads_no_torch() -> None:
    code = (
        "import sys, numpy as np, tumorlens\n"
        "from tumorlens.phantoms import demo_phantoms\n"
        "tumorlens.analyze(demo_phantoms()[0].pixels)\n"
        "print([name for name in ('torch', 'scipy', 'sklearn', 'matplotlib', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer(threads=1)


class TestShippedGate:
    def test_it_lets_phantoms_in(self, analyzer: Analyzer) -> None:
        assert analyzer.gate is not None
        answers = analyzer.gate([Scan(one.pixels) for one in demo_phantoms()])
        assert [one.passed for one in answers] == [True] * 4, answers

    @pytest.mark.parametrize("kind", ["noise", "stripes", "page", "gradient"])
    def test_it_refuses_what_is_plainly_no_head(self, analyzer: Analyzer, kind: str) -> None:
        rows, cols = np.mgrid[:256, :256]
        pictures = {
            "noise": np.random.default_rng(0).uniform(0, 255, (256, 256)),
            "stripes": 255.0 * (cols // 8 % 2),
            "page": np.where((rows % 16 < 6) & (cols % 9 < 6) & (cols > 20) & (cols < 236), 20.0, 250.0),
            "gradient": rows + cols,
        }
        assert analyzer.analyze(pictures[kind]).status == "refused"
