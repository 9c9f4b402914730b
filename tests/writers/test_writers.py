"""Files made of an answer: which there are, what they hold, and that each is the same again."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
from rich.console import Console

from tumorlens import analyze
from tumorlens.cli.report import bodies_table
from tumorlens.inference.analysis import Analysis
from tumorlens.inference.document import AnalysisDocument
from tumorlens.measurement import measures
from tumorlens.measurement.measures import BODY_MEASURES
from tumorlens.notice import NOTICE
from tumorlens.phantoms import demo_phantoms
from tumorlens.scan import Scan, Source
from tumorlens.writers import WRITERS
from tumorlens.writers.pictures import MONTAGE_SLICES, montage_slices

PHANTOMS = {str(one.label): one for one in demo_phantoms()}
AFFINE = np.array([[0, 0, -1.0, 90], [0, -1.0, 0, 90], [4.0, 0, 0, -20], [0, 0, 0, 1]])
NAMES = {one.name: one for one in WRITERS}


def volume(tumor: range, slices: int = 12, name: str | None = None, **known: object) -> Scan:
    head, none = PHANTOMS["glioma"].pixels, PHANTOMS["no_tumor"].pixels
    pixels = np.stack([head if at in tumor else none for at in range(slices)])
    return Scan(pixels, source=Source(name, "0" * 64, "array"), **known)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def answered() -> Analysis:
    stated = {"spacing_mm": (4.0, 1.0, 1.0), "spacing_source": "user", "affine": AFFINE}
    return analyze(volume(range(3, 9), name="<b>x</b> & y.nii", **stated))


def files(analysis: Analysis) -> dict[str, bytes]:
    document = AnalysisDocument.model_validate(analysis.to_dict())
    return {one.name: one.content(analysis) for one in WRITERS if one.belongs(document)}


def picture(data: bytes) -> np.ndarray:
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return found


def green(pixels: np.ndarray) -> bool:
    return bool(((pixels[..., 1] > 200) & (pixels[..., 0] < 60) & (pixels[..., 2] < 60)).any())


def test_endings_and_names_are_each_their_own() -> None:
    assert len({one.ending for one in WRITERS}) == len({one.name for one in WRITERS}) == len(WRITERS)
    assert all(one.title and one.ending.startswith(".") for one in WRITERS)


def test_a_volume_has_its_files_and_a_picture_has_its_own(answered: Analysis) -> None:
    assert set(files(answered)) == {"overlay", "volume-mask", "lesions", "montage", "planes", "page"}
    assert set(files(analyze(PHANTOMS["glioma"].pixels))) == {"overlay", "mask"}
    assert set(files(analyze(PHANTOMS["no_tumor"].pixels))) == {"overlay"}
    assert set(files(analyze(volume(range(0))))) == {"overlay", "montage", "planes", "page"}


def test_what_was_refused_has_none() -> None:
    noise = np.random.default_rng(0).normal(100, 30, (9, 64, 64)).astype(np.float32)
    assert files(analyze(Scan(noise))) == {}


def test_the_same_answer_makes_the_same_bytes(answered: Analysis) -> None:
    assert files(answered) == files(answered)


def test_the_mask_lies_where_the_scan_does(answered: Analysis) -> None:
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(files(answered)["volume-mask"]))
    assert answered.whole is not None and answered.whole.mask is not None
    stored = np.asarray(image.dataobj)
    assert stored.shape == answered.scan.scan.shape[::-1]
    for at in np.argwhere(stored)[::97]:
        place = image.affine @ [*at, 1]
        assert np.allclose(AFFINE @ [*at[::-1], 1], place)
    assert stored.sum() == answered.whole.mask.sum()


def test_a_mask_without_geometry_states_none() -> None:
    found = analyze(volume(range(3, 9)))
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(files(found)["volume-mask"]))
    assert int(image.header["sform_code"]) == int(image.header["qform_code"]) == 0


@pytest.mark.parametrize("name", ["overlay", "montage", "planes"])
def test_pictures_outline_the_tumor(answered: Analysis, name: str) -> None:
    assert green(picture(files(answered)[name]))
    assert not green(picture(files(analyze(volume(range(0))))[name]))


def test_a_montage_shows_the_tumor_and_its_surroundings(answered: Analysis) -> None:
    whole = answered.whole
    assert whole is not None
    shown = montage_slices(whole)
    marked = {one.index for one in whole.readings if one.area_px}
    assert marked <= set(shown) and shown == tuple(sorted(set(shown))) and len(shown) <= MONTAGE_SLICES


def test_planes_have_the_patients_proportions(answered: Analysis) -> None:
    wide = picture(files(answered)["planes"]).shape[1]
    assert wide > 3 * 256


def test_the_table_of_lesions_has_every_measure_of_one_number(answered: Analysis) -> None:
    rows = list(csv.DictReader(files(answered)["lesions"].decode().splitlines()))
    assert answered.whole is not None and len(rows) == len(answered.whole.bodies)
    assert set(rows[0]) == {"lesion", *(one.name for one in BODY_MEASURES if one.kind != "place")}
    assert float(rows[0]["volume_ml"]) == pytest.approx(answered.whole.bodies[0].volume_ml or 0, abs=1e-6)


def test_a_measure_that_is_added_is_on_every_surface_of_a_volume(
    answered: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attribute of a body that had no column gets one in table, page and file."""
    added = tuple(
        replace(one, in_table=True, title="Made up") if one.name == "volume_mm3" else one for one in BODY_MEASURES
    )
    monkeypatch.setattr(measures, "BODY_MEASURES", added)
    assert "Made up, mm³" in files(answered)["page"].decode()
    assert "made up" in measures.body_heads(short=True) and "Made up" in measures.markdown()
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(bodies_table([one.to_dict() for one in answered.whole.bodies]))  # type: ignore[union-attr]
    assert "made up" in console.export_text()


def test_the_page_holds_every_slice_and_asks_for_nothing(answered: Analysis) -> None:
    page = files(answered)["page"].decode()
    assert NOTICE in page and "<b>x</b>" not in page and "&lt;b&gt;x&lt;/b&gt; &amp; y.nii" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "default-src 'none'" in page
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    found = json.loads(data)
    assert answered.whole is not None
    assert [one["index"] for one in found["slices"]] == [one.index for one in answered.whole.readings]
    assert found["edges"] == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    assert [one["index"] for one in found["slices"] if one["mask"]] == [
        one.index for one in answered.whole.readings if one.area_px
    ]
    assert page.count('class="go"') == len(answered.whole.bodies)


def test_the_docs_tell_how_to_add_a_writer_and_it_works(answered: Analysis) -> None:
    """The entry that docs/writers.md shows is taken as it stands there."""
    text = (Path(__file__).parents[2] / "docs" / "writers.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert code.count("\n") < 15
    names: dict[str, object] = {}
    exec(code, names)
    entry = names["ENTRY"]
    document = AnalysisDocument.model_validate(answered.to_dict())
    assert entry.belongs(document)  # type: ignore[attr-defined]
    assert entry.content(answered).startswith(b"slice,tumor_probability\n0,")  # type: ignore[attr-defined]
