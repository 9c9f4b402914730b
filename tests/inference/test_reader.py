from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_models import write_classifier, write_reader
from pydantic import ValidationError
from rule_session import RuleSession, manifest

from tumorlens.errors import WeightsError
from tumorlens.inference.analyze import Analyzer
from tumorlens.inference.document import json_schema, read_document
from tumorlens.inference.findings import UNLIKE, look_title, sensitivity_words
from tumorlens.inference.manifest import AreaInterval, KnownLook, ReadingRules
from tumorlens.inference.reader import Reader, label_of, open_reader, possible
from tumorlens.scan import Scan

KINDS = ("glioma", "meningioma", "pituitary")
RULES = ReadingRules(kinds=KINDS, tumor_threshold=0.5, doubt=(0.3, 0.8), kind_threshold=0.1, unlike_threshold=2.0)
T2 = KnownLook(
    sequence="t2", stripped=False, with_tumor=80, without_tumor=40, sensitivity=0.9, sensitivity_interval=(0.8, 0.95)
)
ALL = KnownLook(with_tumor=10, without_tumor=5)


def outputs(images: np.ndarray, **changes: Any) -> dict[str, np.ndarray]:
    """A tumor where the picture's left half is the brighter one, marked by the brightest pixels."""
    count, half = len(images), images.shape[-1] // 2
    mean = images.mean(axis=(1, 2, 3))
    left = images[..., :half].mean(axis=(1, 2, 3))
    found = {
        "tumor_logit": 40 * (left - mean),
        "kind_logits": np.tile([0.0, 3.0, 0.0], (count, 1)),
        "mask_logits": 20 * (images[:, :, ::2, ::2] - 0.5),
        "sequence_logits": np.tile([0.0, 0.0, 5.0, 0.0], (count, 1)),
        "stripped_logit": np.full(count, -1.0),
        "unlike": np.ones(count),
    }
    return {**found, **{name: np.broadcast_to(value, found[name].shape) for name, value in changes.items()}}


def reader(rules: ReadingRules = RULES, session: list[RuleSession] | None = None, **changes: Any) -> Reader:
    made = RuleSession(manifest("reading", reading=rules), lambda images: outputs(images, **changes))
    if session is not None:
        session.append(made)
    return Reader(made)  # type: ignore[arg-type]


def scan(bright_left: bool = True) -> Scan:
    pixels = np.random.default_rng(0).uniform(0, 20, (64, 64)).astype(np.float32)
    pixels[20:40, 8:28] += 200 if bright_left else 0
    pixels[20:40, 36:56] += 0 if bright_left else 200
    return Scan(pixels)


def test_a_reading_says_whether_which_and_where() -> None:
    (one,) = reader()([scan()])
    assert one.label == "meningioma" and one.tumor_probability > 0.8
    assert one.outline.mask[25:35, 12:24].all() and not one.outline.mask[:, 40:].any()
    assert sum(one.probabilities.values()) == pytest.approx(1)
    assert one.probabilities["meningioma"] == pytest.approx(
        one.tumor_probability * one.kind_probabilities["meningioma"]
    )
    assert (one.sequence, one.stripped, one.is_unlike) == ("t2", False, False)
    assert reader()([scan(bright_left=False)])[0].label == "no_tumor"


def test_views_are_averaged_and_maps_brought_back() -> None:
    rules = RULES.model_copy(update={"views": ("identity", "mirror")})
    (one,) = reader(rules)([scan()])
    assert one.tumor_probability == pytest.approx(0.5, abs=0.05)
    assert one.outline.mask[25:35, 12:24].all() and not one.outline.mask[:, 40:].any()


def test_doubtful_slices_are_turned_and_others_not() -> None:
    sessions: list[RuleSession] = []
    rules = RULES.model_copy(update={"turns_when_doubtful": True})
    reader(rules, sessions, tumor_logit=0.0)([scan(), scan()])
    assert sessions[0].batches == [2, 2, 2, 2]
    reader(rules, sessions, tumor_logit=9.0)([scan(), scan()])
    assert sessions[1].batches == [2]
    (one,) = reader(rules, None, tumor_logit=0.0)([scan()])
    assert one.outline.mask[25:35, 12:24].all() and not one.outline.mask[:, 40:].any()


def test_platt_scale_and_bias_apply() -> None:
    rules = RULES.model_copy(update={"tumor_scale": 2.0, "tumor_bias": -1.0})
    (one,) = reader(rules, None, tumor_logit=1.5)([scan()])
    assert one.tumor_logit == 1.5
    assert one.tumor_probability == pytest.approx(1 / (1 + np.exp(-2.0)), abs=1e-5)


@pytest.mark.parametrize(
    ("tumor", "kinds", "label", "remain"),
    [
        (0.95, (0.9, 0.05, 0.05), "glioma", {"glioma"}),
        (0.95, (0.6, 0.35, 0.05), "glioma", {"glioma", "meningioma"}),
        (0.95, (0.4, 0.35, 0.25), "tumor", {"glioma", "meningioma", "pituitary"}),
        (0.6, (0.95, 0.03, 0.02), "glioma", {"glioma", "no_tumor"}),
        (0.4, (0.95, 0.03, 0.02), "no_tumor", {"glioma", "no_tumor"}),
        (0.1, (0.95, 0.03, 0.02), "no_tumor", {"no_tumor"}),
    ],
)
def test_labels_and_what_remains_possible(tumor: float, kinds: tuple[float, ...], label: str, remain: set[str]) -> None:
    by_kind = dict(zip(KINDS, kinds, strict=True))
    assert label_of(tumor, by_kind, RULES) == label
    assert set(possible(tumor, by_kind, RULES, is_unlike=False)) == remain
    assert set(possible(tumor, by_kind, RULES, is_unlike=True)) == {*KINDS, "no_tumor"}


def test_the_closest_look_is_cited() -> None:
    rules = RULES.model_copy(update={"known": (T2, ALL)})
    assert rules.look("t2", False) == T2
    assert rules.look("flair", True) == ALL
    assert RULES.look("t2", False) is None
    assert look_title(T2) == "T2, whole head"
    assert "found 90 of 100 slices with a tumor (95 % interval 80 to 95)" in sensitivity_words(T2)
    assert "was not measured" in sensitivity_words(ALL) and "was not measured" in sensitivity_words(None)


def analyzer(tmp_path: Path, **rules: Any) -> Analyzer:
    write_reader(tmp_path, RULES.model_copy(update=rules))
    return Analyzer(classifier=tmp_path, gate=False)


def test_an_analysis_carries_the_findings_and_its_document_validates(tmp_path: Path) -> None:
    import jsonschema

    answer = analyzer(tmp_path, known=(T2,)).analyze(scan())
    assert answer.label == "glioma" and answer.regions and answer.trust is None
    assert answer.message == "Glioma suspected" and answer.looked_for is None
    document = read_document(answer.to_json())
    assert document.findings is not None and document.findings.known is not None
    assert document.findings.looks_like.sequence == "t2" and document.looked_for is None
    jsonschema.validate(document.model_dump(mode="json"), json_schema())


def test_nothing_found_says_what_was_looked_for(tmp_path: Path) -> None:
    answer = analyzer(tmp_path, known=(T2,)).analyze(scan(bright_left=False))
    assert (answer.label, answer.message, answer.mask) == ("no_tumor", "No tumor detected", None)
    assert answer.looked_for is not None
    assert "looked for glioma, meningioma and pituitary tumor" in answer.looked_for
    assert "found 90 of 100" in answer.looked_for
    assert read_document(answer.to_json()).looked_for == answer.looked_for


def test_an_unlike_scan_rules_nothing_out(tmp_path: Path) -> None:
    answer = analyzer(tmp_path, unlike_threshold=0.5).analyze(scan(bright_left=False))
    assert answer.is_unlike and answer.trust == UNLIKE
    assert len(answer.prediction_set) == 4 and answer.message.startswith("Not sure: unlike the scans")
    assert answer.looked_for is not None


def test_doubt_is_said(tmp_path: Path) -> None:
    answer = analyzer(tmp_path, doubt=(0.0, 1.0)).analyze(scan(bright_left=False))
    assert answer.message == "No tumor detected, but one remains possible"
    assert answer.trust is not None and "remain possible" in answer.trust


def test_an_uncertain_kind_is_said(tmp_path: Path) -> None:
    write_reader(tmp_path, RULES.model_copy(update={"kind_temperature": 100.0}))
    answer = Analyzer(classifier=tmp_path, gate=False).analyze(scan())
    assert answer.label == "tumor" and answer.message == "Tumor of uncertain kind suspected"
    assert answer.confidence == pytest.approx(answer.findings.tumor_probability if answer.findings else -1)
    assert read_document(answer.to_json()).label == "tumor"


def test_a_very_wide_interval_makes_the_outline_unsure(tmp_path: Path) -> None:
    wide = AreaInterval(coverage=0.9, low=0.1, high=8.0, images=10, data="made")
    write_reader(tmp_path, RULES, area_interval=wide)
    answer = Analyzer(classifier=tmp_path, gate=False).analyze(scan())
    assert any("outline is unsure" in one for one in answer.warnings)
    assert answer.area_interval is not None and answer.area_interval.total.px[1] <= 64 * 64


def test_a_reader_needs_its_rules_and_its_outputs(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="says how it reads"):
        manifest("reading")
    with pytest.raises(ValidationError, match="must rise"):
        ReadingRules(kinds=KINDS, doubt=(0.9, 0.1))
    with pytest.raises(ValidationError, match="at least one"):
        ReadingRules(kinds=KINDS, views=())
    write_classifier(tmp_path / "other", np.zeros((4, 2)))
    with pytest.raises(WeightsError, match="one for reading is needed"):
        open_reader(tmp_path / "other")
    made = write_classifier(tmp_path / "lacking", np.zeros((4, 2)))
    lacking = made.model_copy(update={"task": "reading", "classes": (), "reading": RULES})
    (tmp_path / "lacking" / "manifest.json").write_text(lacking.model_dump_json())
    with pytest.raises(WeightsError, match="answer tumor_logit"):
        open_reader(tmp_path / "lacking")
