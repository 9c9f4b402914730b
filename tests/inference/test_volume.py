"""Volumes: gate, reader and segmenter slice by slice, one answer for the whole, a mask and lesions in 3-D."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tumorlens import analyze, analyze_many
from tumorlens.errors import InputError, UsageError
from tumorlens.inference.analysis import NO_OUTLINE, Analysis, Failure
from tumorlens.inference.analyze import Analyzer
from tumorlens.inference.document import AnalysisDocument
from tumorlens.phantoms import demo_phantoms
from tumorlens.scan import Scan

PHANTOMS = {str(one.label): one for one in demo_phantoms()}
GLIOMA, NONE = PHANTOMS["glioma"].pixels, PHANTOMS["no_tumor"].pixels
FEW = (7, 8, 9, 10, 11, 12, 13)


def stack(tumor: tuple[int, ...], slices: int = 20, **known: object) -> Scan:
    """Made heads, those of ``tumor`` with one."""
    pixels = np.stack([GLIOMA if at in tumor else NONE for at in range(slices)])
    return Scan(pixels, **known)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def shown() -> Analysis:
    affine = np.diag([3.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]][:, [0, 1, 2, 3]]
    return analyze(stack(FEW, spacing_mm=(3.0, 1.0, 1.0), spacing_source="user", affine=affine))


def test_a_tumor_through_several_slices_is_found_and_measured(shown: Analysis) -> None:
    assert shown.status == "answered" and shown.label not in (None, "no_tumor")
    whole = shown.whole
    assert whole is not None and whole.mask is not None
    assert whole.mask.shape == shown.scan.scan.shape
    assert shown.slice_index in FEW and shown.slice_count == 20
    assert shown.mask is not None and np.array_equal(shown.mask, whole.mask[shown.slice_index])
    truth = float(PHANTOMS["glioma"].mask.sum()) * len(FEW) * 3 / 1000
    assert whole.volume_ml == pytest.approx(truth, rel=0.4)
    assert whole.bodies[0].slices_touched >= 5
    assert [one.index for one in whole.readings] == list(range(20))
    marked = [one.index for one in whole.readings if one.area_px]
    assert set(marked) <= set(range(5, 16)) and set(marked) >= {8, 9, 10, 11, 12}
    assert sum(shown.probabilities.values()) == pytest.approx(1)


def test_the_document_has_every_slice_and_the_lesions(shown: Analysis) -> None:
    document = AnalysisDocument.model_validate_json(shown.to_json())
    assert len(document.slices) == 20 and document.volume is not None
    assert document.volume.lesions[0]["volume_ml"] > 0
    assert document.volume.mask is not None and document.volume.mask.shape == shown.scan.scan.shape
    assert document.volume.statement == shown.whole.statement  # type: ignore[union-attr]
    assert document.slice is not None and document.slice.index == shown.slice_index


def test_one_slice_of_many_is_no_tumor() -> None:
    found = analyze(stack((9,)))
    assert found.label == "no_tumor" and found.mask is None and found.regions == ()
    assert found.whole is not None and found.whole.bodies == () and found.whole.mask is None
    alone = found.whole.readings[9].tumor_probability
    others = [one.tumor_probability for one in found.whole.readings if one.index != 9]
    assert alone is not None and alone > max(one for one in others if one is not None)


@pytest.mark.parametrize("tumor", [(), (10,)])
def test_no_model_is_named_that_had_no_part_in_the_answer(tumor: tuple[int, ...]) -> None:
    # The slice that is shown of a volume without a tumor is the middle one, and that may be called a tumor alone.
    found = analyze(stack(tumor))
    assert found.label == "no_tumor"
    assert [one.task for one in found.models] == ["gate", "reading"]


def test_a_volume_says_that_its_slices_were_looked_at() -> None:
    found = analyze(stack(()))
    assert found.looked_for is not None and "in the slices of this volume" in found.looked_for


def test_one_slice_is_read_alone_where_it_is_asked_for() -> None:
    found = analyze(stack(FEW), slice=9)
    assert found.whole is None and found.slice_index == 9
    assert json.loads(found.to_json())["volume"] is None
    with pytest.raises(UsageError, match="Slice 20 does not exist"):
        analyze(stack(FEW), slice=20)


def test_the_same_volume_gives_the_same_bytes(shown: Analysis) -> None:
    again = analyze(shown.scan.scan).to_dict() | {"timings_s": {}}
    assert again == shown.to_dict() | {"timings_s": {}}


def test_a_volume_of_noise_is_refused_and_read_on_demand() -> None:
    noise = np.random.default_rng(0).normal(100, 30, (9, 64, 64)).astype(np.float32)
    found = analyze(Scan(noise))
    assert found.status == "refused" and found.label is None and found.mask is None
    assert found.reason is not None and "slices in the middle do not look like" in found.reason
    assert found.whole is not None and {one.status for one in found.whole.readings} == {"refused"}
    AnalysisDocument.model_validate_json(found.to_json())
    overruled = analyze(Scan(noise), gate=False)
    assert overruled.status == "answered"


def test_what_a_file_says_of_itself_refuses_the_volume() -> None:
    found = analyze(stack(FEW, refusal="This is a CT, and the models know MR alone."))
    assert (found.status, found.reason) == ("refused", "This is a CT, and the models know MR alone.")


def test_a_volume_of_one_value_is_bad_input() -> None:
    with pytest.raises(InputError, match="Every voxel of this volume has the same value"):
        analyze(Scan(np.full((4, 32, 32), 5, np.uint8)))


def test_volumes_and_pictures_come_back_in_order() -> None:
    flat = Scan(np.full((4, 32, 32), 5, np.uint8))
    found = list(analyze_many([NONE, stack(FEW), flat, GLIOMA]))
    assert [type(one) for one in found] == [Analysis, Analysis, Failure, Analysis]
    assert isinstance(found[1], Analysis) and found[1].whole is not None
    assert isinstance(found[3], Analysis) and found[3].whole is None


def test_the_spacing_of_the_user_reaches_the_lesions() -> None:
    found = analyze(stack(FEW, slice_mm=3.0), spacing_mm=(0.5, 0.5))
    assert found.spacing_mm == (0.5, 0.5) and found.whole is not None
    assert found.whole.bodies[0].volume_ml is not None
    without = analyze(stack(FEW))
    assert without.whole is not None and without.whole.volume_ml is None


@pytest.mark.parametrize("name", ["classifier-small"])
def test_a_classifier_reads_volumes_too(name: str) -> None:
    from tumorlens.inference.shipped import shipped_model

    found = Analyzer(classifier=shipped_model(name)).analyze(stack(FEW))
    assert found.label == "glioma" and found.findings is None and found.whole is not None
    assert found.mask is not None and found.whole.bodies
    assert {one.task for one in found.models} == {"gate", "classification", "segmentation"}


def test_the_real_volumes_are_answered(real_data: object) -> None:
    folder: Path = real_data("volumes")  # type: ignore[operator]
    found = analyze(folder / "brats2021" / "BraTS2021_01480_flair.nii.gz")
    assert found.whole is not None and found.label not in (None, "no_tumor")
    assert NO_OUTLINE not in found.warnings
    assert found.whole.mask is not None and found.whole.mask.shape == found.scan.scan.shape
