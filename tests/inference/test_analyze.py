import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import tumorlens
from tumorlens import Analysis, Failure, Scan
from tumorlens.errors import InputError, InvalidScanError, LimitError, UnreadableFileError, UsageError, WeightsError
from tumorlens.inference.analysis import mask_from_run_lengths, run_lengths
from tumorlens.inference.analyze import Analyzer
from tumorlens.inference.document import json_schema
from tumorlens.inference.shipped import shipped_model
from tumorlens.phantoms import as_scan, demo_phantoms

PHANTOMS = {str(phantom.label): phantom for phantom in demo_phantoms()}


@pytest.mark.parametrize("label", PHANTOMS)
def test_phantoms_are_answered_right(label: str) -> None:
    phantom = PHANTOMS[label]
    analysis = tumorlens.analyze(as_scan(phantom, with_spacing=True))
    assert analysis.label == label
    assert analysis.confidence == analysis.probabilities[label]
    assert sum(analysis.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    if label == "no_tumor":
        assert analysis.mask is None and analysis.regions == () and analysis.message == "No tumor detected"
        assert [one.task for one in analysis.models] in (["gate", "reading"], ["gate", "classification"])
        assert analysis.looked_for is not None
        return
    assert analysis.mask is not None and analysis.regions
    area = sum(region.area_mm2 or 0.0 for region in analysis.regions)
    assert phantom.truth is not None
    assert area == pytest.approx(phantom.truth.area_mm2, rel=0.25)
    assert analysis.activation_map is not None and analysis.activation_map.shape == phantom.pixels.shape


def test_without_spacing_there_are_no_millimetres() -> None:
    phantom = PHANTOMS["meningioma"]
    plain = tumorlens.analyze(phantom.pixels)
    assert plain.spacing_mm is None and plain.to_dict()["spacing_source"] == "none"
    for region in plain.to_dict()["regions"]:
        assert {region[key] for key in region if "_mm" in key} == {None}
    stated = tumorlens.analyze(phantom.pixels, spacing_mm=(0.5, 0.5))
    assert stated.to_dict()["spacing_source"] == "user"
    assert stated.regions[0].area_mm2 == pytest.approx(0.25 * stated.regions[0].area_px)


@pytest.mark.parametrize("label", PHANTOMS)
def test_document_fits_its_schema_and_holds_the_mask(label: str) -> None:
    analysis = tumorlens.analyze(PHANTOMS[label].pixels)
    document = json.loads(analysis.to_json())
    jsonschema.validate(document, json_schema(), cls=jsonschema.Draft202012Validator)
    assert document["notice"].startswith("Research use")
    if analysis.mask is None:
        assert document["mask"] is None
    else:
        np.testing.assert_array_equal(mask_from_run_lengths(document["mask"]), analysis.mask)
    assert analysis.overlay().shape == (*PHANTOMS[label].pixels.shape, 3)


def test_a_volume_is_read_as_a_whole_or_at_the_slice_asked_for() -> None:
    pixels = np.stack([PHANTOMS["no_tumor"].pixels, PHANTOMS["meningioma"].pixels, PHANTOMS["no_tumor"].pixels])
    volume = Scan(pixels, spacing_mm=(5.0, 0.9, 0.9), spacing_source="nifti")
    middle, first = tumorlens.analyze(volume, slice=1), tumorlens.analyze(volume, slice=0)
    assert (middle.label, middle.slice_index, middle.slice_count) == ("meningioma", 1, 3)
    assert tumorlens.analyze(volume).label == "no_tumor", "one slice of three decided"
    assert (first.label, first.slice_index) == ("no_tumor", 0)
    assert middle.spacing_mm == (0.9, 0.9)
    with pytest.raises(UsageError, match="numbered 0 to 2"):
        tumorlens.analyze(volume, slice=3)


def test_many_come_back_in_order_with_failures_in_their_place(tmp_path: Path) -> None:
    bad = tmp_path / "empty.png"
    bad.touch()
    inputs = [PHANTOMS["glioma"].pixels, bad, PHANTOMS["no_tumor"].pixels, tmp_path / "missing.png"] * 3
    answers = list(tumorlens.analyze_many(inputs))
    assert [type(one) for one in answers] == [Analysis, Failure, Analysis, Failure] * 3
    assert answers[1].source == str(bad) and isinstance(answers[1].error, UnreadableFileError)
    alone = tumorlens.analyze(PHANTOMS["glioma"].pixels).to_dict()
    together = answers[0].to_dict()
    del alone["timings_s"], together["timings_s"]
    assert together == alone


def test_many_are_lazy() -> None:
    def endless():  # type: ignore[no-untyped-def]
        while True:
            yield PHANTOMS["no_tumor"].pixels

    assert next(iter(tumorlens.analyze_many(endless()))).label == "no_tumor"


@pytest.mark.parametrize(
    ("array", "error", "words"),
    [
        (np.zeros((40, 40)), InputError, "same value"),
        (np.zeros((64, 64, 3)), InvalidScanError, "color picture or a volume"),
        (np.zeros(9), InvalidScanError, "2 or 3 axes"),
        (np.eye(40) * np.nan, InvalidScanError, "NaN"),
        (np.eye(40) * 1j, InvalidScanError, "complex"),
        (np.array([["a"]]), InvalidScanError, "no image"),
        (np.eye(1), LimitError, "at least"),
    ],
)
def test_arrays_that_are_no_slice_are_refused(array: np.ndarray, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        tumorlens.analyze(array)


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (-1.0, 1.0), (float("nan"), 1.0), (1.0,)])
def test_impossible_spacing_is_a_usage_error(spacing: tuple[float, ...]) -> None:
    with pytest.raises(UsageError):
        tumorlens.analyze(PHANTOMS["glioma"].pixels, spacing_mm=spacing)  # type: ignore[arg-type]


def test_models_of_the_wrong_task_are_refused() -> None:
    with pytest.raises(WeightsError, match="classification"):
        Analyzer(classifier=shipped_model("segmenter-small"))


@given(npst.arrays(bool, npst.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_run_lengths_give_the_mask_back(mask: np.ndarray) -> None:
    code = run_lengths(mask)
    assert sum(code["counts"]) == mask.size and all(one > 0 for one in code["counts"][1:])
    np.testing.assert_array_equal(mask_from_run_lengths(code), mask)


@given(st.sampled_from(sorted(PHANTOMS)), st.sampled_from([np.uint8, np.int16, np.float64]), st.floats(0.5, 40))
def test_answer_does_not_depend_on_the_type_or_scale_of_the_numbers(label: str, kind: type, scale: float) -> None:
    pixels = np.round(PHANTOMS[label].pixels)
    reference = tumorlens.analyze(pixels)
    if kind is np.uint8:
        scale = 1.0
    other = tumorlens.analyze((pixels * scale).astype(kind) if scale >= 1 else pixels * scale)
    assert other.label == reference.label
    assert other.confidence == pytest.approx(reference.confidence, abs=0.05)
