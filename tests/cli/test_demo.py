from __future__ import annotations

import base64
import errno
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from tumorlens.cli import demo as demo_module
from tumorlens.cli._demo_compare import GOOD_DICE, Measure, compare, dice, percent
from tumorlens.cli._demo_page import render_page
from tumorlens.cli._demo_pictures import blend_heat, draw_pictures
from tumorlens.cli.demo import NAMES, OUTPUTS, Case, demo, prepare_folder
from tumorlens.errors import OutputError
from tumorlens.inference import Analysis, Manifest
from tumorlens.inference.document import AnalysisDocument
from tumorlens.inference.manifest import Metric
from tumorlens.labels import CLASSES
from tumorlens.measurement import measure_mask
from tumorlens.phantoms import Phantom, demo_phantoms
from tumorlens.scan import Scan

GLIOMA, MENINGIOMA, PITUITARY, NO_TUMOR = range(4)
PHANTOMS = demo_phantoms()


def _answer(phantom: Phantom, label: str | None = None, mask: np.ndarray | None = None, sure: float = 0.97) -> Analysis:
    """An answer about a phantom: its own label and mask unless others are given."""
    label = phantom.label if label is None else label
    mask = phantom.mask if mask is None else mask
    scan = Scan(phantom.pixels).with_spacing(phantom.spacing_mm).slice()
    found = None if label == "no_tumor" else mask
    rows, cols = np.indices(phantom.pixels.shape)
    heat = np.exp(-((rows - 110) ** 2 + (cols - 100) ** 2) / 1500).astype(np.float32)
    return Analysis(
        scan=scan,
        label=label,
        probabilities={str(one): sure if one == label else (1 - sure) / 3 for one in CLASSES},
        mask=found,
        regions=() if found is None else measure_mask(found, phantom.spacing_mm),
        activation_map=heat,
        models=(),
        timings={"read": 0.002, "classify": 0.02, "segment": 0.02, "measure": 0.001},
    )


def _case(phantom: Phantom, analysis: Analysis, name: str = NAMES[0]) -> Case:
    return Case(name, phantom, analysis, compare(phantom, analysis), draw_pictures(phantom, analysis))


def _manifest(task: str = "classification", metrics: tuple[Metric, ...] = ()) -> Manifest:
    classes = tuple(str(one) for one in CLASSES) if task == "classification" else ()
    return Manifest.model_validate(
        {
            "name": "some-model",
            "version": "1",
            "title": "A <small> network",
            "task": task,
            "preprocessing": {"size": (64, 64)},
            "classes": classes,
            "parity": 0.0,
            "training": {
                "recipe": "r",
                "collection": "some collection",
                "split": "s",
                "split_sha256": "0" * 64,
                "data_licence": "CC0",
                "images": 5000,
                "phantoms": 150,
                "data_fingerprint": "f",
                "seed": 0,
                "epochs": 1,
                "commit": None,
                "versions": {},
            },
            "metrics": metrics,
            "licence": "Apache-2.0",
            "sha256": "0123456789abcdef" * 4,
        }
    )


def _page(cases: list[Case], metrics: tuple[Metric, ...] = ()) -> str:
    return render_page(cases, (_manifest(metrics=metrics), _manifest("segmentation")), 0.123)


@pytest.fixture(scope="module")
def right_page() -> str:
    return _page([_case(one, _answer(one), name) for one, name in zip(PHANTOMS, NAMES, strict=True)])


def _run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(demo)
    return CliRunner(env={"COLUMNS": "100"}).invoke(app, list(arguments))


class _Page(HTMLParser):
    """Collects what the checks of a page need, and sees to it that every element is closed."""

    VOID = frozenset({"meta", "img", "br", "ellipse", "circle", "path"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.stack:
            self.text.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


# The command, with the models that ship


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    return folder, _run("--out", str(folder))


def test_it_ends_well_and_names_the_next_command_last(finished: tuple[Path, Result]) -> None:
    folder, result = finished
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.output.splitlines() if line.strip()]
    assert lines[-1] == "tumorlens analyze your-scan.png --out results"
    assert "--spacing ROW,COL" in lines[-2]
    assert str(folder / "index.html") in result.output
    assert "Research use, not a medical device" in result.output
    assert "phantoms" in lines[0]


def test_every_phantom_leaves_its_files(finished: tuple[Path, Result]) -> None:
    folder, _ = finished
    expected = {"index.html"}
    for name, phantom in zip(NAMES, PHANTOMS, strict=True):
        document = AnalysisDocument.model_validate_json((folder / f"{name}.json").read_bytes())
        expected |= {name, f"{name}.json", f"{name}.overlay.png"}
        assert (document.spacing_mm, document.spacing_source) == (phantom.spacing_mm, "user")
        pixels = cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED)
        assert np.abs(pixels.astype(np.float32) - phantom.pixels).max() <= 0.5
        if document.mask is not None:
            expected.add(f"{name}.mask.png")
            mask = cv2.imread(str(folder / f"{name}.mask.png"), cv2.IMREAD_UNCHANGED)
            assert mask.shape == phantom.mask.shape
            assert (mask > 0).sum() == sum(region.area_px for region in document.regions)
    assert {one.name for one in folder.iterdir()} == expected


def test_the_page_shows_the_models_that_ship(finished: tuple[Path, Result]) -> None:
    from tumorlens.inference import read_manifest, shipped_models

    folder, _ = finished
    page = (folder / "index.html").read_text(encoding="utf-8")
    documents = [json.loads((folder / f"{name}.json").read_bytes()) for name in NAMES]
    used = {model["id"] for document in documents for model in document["models"]}
    assert used <= {read_manifest(path).id for path in shipped_models()}
    for identifier in used:
        assert identifier in page


def test_the_page_holds_the_shared_style_and_asks_for_nothing(finished: tuple[Path, Result]) -> None:
    folder, _ = finished
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert page.count(resources.files("tumorlens").joinpath("page.css").read_text(encoding="utf-8")) == 1
    assert "<link" not in page and "@import" not in page and "$style" not in page


def test_a_second_call_refreshes_and_drops_a_mask_that_is_no_longer_found(tmp_path: Path) -> None:
    assert _run("--out", str(tmp_path)).exit_code == 0
    first = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    for name in NAMES:
        (tmp_path / f"{name}.mask.png").write_bytes(b"stale")
        (tmp_path / name).write_bytes(b"stale")
    (tmp_path / "notes.txt").write_text("mine")
    assert _run("--out", str(tmp_path)).exit_code == 0
    second = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    assert second.pop("notes.txt") == b"mine"
    assert second.keys() == first.keys()
    for name in first:
        if name.endswith(".png"):
            assert second[name] == first[name]


def test_the_page_is_opened_only_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def remember(address: str) -> bool:
        opened.append(address)
        return False

    monkeypatch.setattr("webbrowser.open", remember)
    assert _run("--out", str(tmp_path)).exit_code == 0
    assert opened == []
    result = _run("--out", str(tmp_path), "--open")
    assert (result.exit_code, opened) == (0, [(tmp_path / "index.html").resolve().as_uri()])
    assert "No browser could be started" in result.output


# The folder


def test_other_files_are_not_written_beside_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>mine</title>")
    with pytest.raises(OutputError, match="--overwrite"):
        prepare_folder(tmp_path)
    prepare_folder(tmp_path, overwrite=True)


def test_a_demo_that_was_cut_off_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / NAMES[0]).touch()
    (tmp_path / f"{NAMES[0]}{OUTPUTS[0]}").touch()
    prepare_folder(tmp_path)
    (tmp_path / "other.png").touch()
    with pytest.raises(OutputError, match="not of a demo"):
        prepare_folder(tmp_path)


@pytest.mark.parametrize("inside", ["", "deeper", "deeper/still"])
def test_a_file_is_no_folder(tmp_path: Path, inside: str) -> None:
    file = tmp_path / "a file.png"
    file.touch()
    with pytest.raises(OutputError, match="is not a folder"):
        prepare_folder(file / inside, overwrite=True)


def test_a_folder_that_may_not_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputError, match="permission denied: name another"):
        prepare_folder(tmp_path / "new")


def test_a_file_that_cannot_be_written_ends_the_demo_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / NAMES[0]).mkdir()
    result = _run("--out", str(tmp_path))
    assert isinstance(result.exception, OutputError)
    assert NAMES[0] in str(result.exception)
    assert [one.name for one in tmp_path.iterdir()] == [NAMES[0]]


# The comparison


def test_dice_by_hand() -> None:
    one, other = np.zeros((2, 4), np.bool_), np.zeros((2, 4), np.bool_)
    assert dice(one, other) is None
    one[0, :3] = True
    assert dice(one, other) == 0
    other[0, 1:] = True
    assert dice(one, other) == pytest.approx(2 * 2 / 6)


@pytest.mark.parametrize("index", [GLIOMA, MENINGIOMA, PITUITARY])
def test_the_true_mask_is_right_and_its_measures_are_near_the_truth(index: int) -> None:
    phantom = PHANTOMS[index]
    found = compare(phantom, _answer(phantom))
    assert (found.verdict.kind, found.dice) == ("right", 1.0)
    assert [one.name for one in found.measures] == ["Area", "Perimeter", "Width", "Height", "Circularity"]
    assert phantom.truth is not None
    assert found.measures[0].true == phantom.truth.area_mm2
    differences = [one.difference_percent for one in found.measures]
    assert max(abs(one) for one in differences if one is not None) == found.ruler_percent
    assert found.ruler_percent is not None and found.ruler_percent < 6


def test_no_tumor_found_where_there_is_none() -> None:
    found = compare(PHANTOMS[NO_TUMOR], _answer(PHANTOMS[NO_TUMOR]))
    assert (found.verdict.kind, found.dice, found.measures, found.ruler_percent) == ("right", None, (), None)


def test_a_missed_tumor_is_called_so() -> None:
    found = compare(PHANTOMS[GLIOMA], _answer(PHANTOMS[GLIOMA], "no_tumor"))
    assert (found.verdict.kind, found.dice) == ("wrong", 0)
    assert "was wrong: it missed this glioma" in found.verdict.sentence
    assert (found.measures[0].measured, found.measures[0].difference_percent) == (0, -100)
    assert all(one.measured is None for one in found.measures[1:])


def test_a_tumor_seen_where_there_is_none_is_called_so() -> None:
    phantom = PHANTOMS[NO_TUMOR]
    found = compare(phantom, _answer(phantom, "pituitary", PHANTOMS[MENINGIOMA].mask))
    assert (found.verdict.kind, found.dice) == ("wrong", 0)
    area = PHANTOMS[MENINGIOMA].mask.sum() * phantom.spacing_mm[0] ** 2
    assert f"{area:.0f} mm² without a tumor were outlined" in found.verdict.sentence
    assert [one.true for one in found.measures] == [0, None, None, None, None]
    assert all(one.difference_percent is None for one in found.measures)


def test_another_class_is_called_wrong_and_its_outline_judged_apart() -> None:
    found = compare(PHANTOMS[GLIOMA], _answer(PHANTOMS[GLIOMA], "meningioma", sure=0.71))
    assert found.verdict.kind == "wrong"
    assert "shows a glioma, and it answered meningioma (71.0 %)" in found.verdict.sentence
    assert "Dice 1.00" in found.verdict.sentence
    elsewhere = _answer(PHANTOMS[GLIOMA], "meningioma", np.roll(PHANTOMS[GLIOMA].mask, 100, axis=0))
    assert compare(PHANTOMS[GLIOMA], elsewhere).verdict.sentence.endswith("judged apart: it misses the tumor.")


def test_a_poor_outline_is_called_so_with_its_worst_measure() -> None:
    phantom = PHANTOMS[MENINGIOMA]
    mask = phantom.mask.copy()
    mask[: int(np.argwhere(mask)[:, 0].mean())] = False
    found = compare(phantom, _answer(phantom, mask=mask))
    assert found.dice is not None and 0 < found.dice < GOOD_DICE
    assert (found.verdict.kind, found.verdict.heading) == ("partly", "Poor outline")
    assert re.search(r"Most off is the (area|height), \d+ % too (small|short)\.", found.verdict.sentence)


def test_an_outline_elsewhere_or_none_is_called_so() -> None:
    phantom = PHANTOMS[MENINGIOMA]
    elsewhere = compare(phantom, _answer(phantom, mask=np.roll(phantom.mask, 128, axis=0)))
    assert (elsewhere.dice, elsewhere.verdict.kind) == (0, "partly")
    assert "the outline misses the tumor" in elsewhere.verdict.sentence
    nothing = compare(phantom, _answer(phantom, mask=np.zeros_like(phantom.mask)))
    assert nothing.verdict.heading == "No outline"


def test_an_unsure_answer_names_the_second_class() -> None:
    phantom = PHANTOMS[GLIOMA]
    unsure = replace(
        _answer(phantom), probabilities={"glioma": 0.45, "meningioma": 0.4, "pituitary": 0.1, "no_tumor": 0.05}
    )
    assert "It was not sure (45.0 %): next came meningioma with 40.0 %." in compare(phantom, unsure).verdict.sentence
    assert "not sure" not in compare(phantom, _answer(phantom)).verdict.sentence


def test_differences_are_in_percent_of_the_truth() -> None:
    assert Measure("Width", "mm", 20.0, 19.0).difference_percent == pytest.approx(-5)
    assert Measure("Width", "mm", 20.0, None).difference_percent is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0 %"), (1.0, "100.0 %"), (0.99999, "> 99.9 %"), (1e-5, "< 0.1 %"), (0.5, "50.0 %"), (0.9994, "99.9 %")],
)
def test_no_probability_is_rounded_to_certainty(value: float, text: str) -> None:
    assert percent(value) == text


# The pictures


def test_heat_leaves_the_scan_alone_where_there_is_none() -> None:
    gray = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    heat = np.zeros((32, 32), np.float32)
    assert np.array_equal(blend_heat(gray, heat), gray)
    heat[:8] = 1
    blended = blend_heat(gray, heat)
    assert np.array_equal(blended[20:], gray[20:])
    assert (blended[:12] != gray[:12]).any(axis=2).all()


def test_the_true_outline_lies_on_the_edge_of_the_true_mask() -> None:
    phantom = PHANTOMS[GLIOMA]
    picture = draw_pictures(phantom, _answer(phantom)).mask
    assert picture is not None
    drawn = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    amber = drawn[:, :, 2].astype(int) - drawn[:, :, 0] > 100
    large = np.repeat(np.repeat(phantom.mask, 2, axis=0), 2, axis=1).astype(np.uint8)
    kernel = np.ones((7, 7), np.uint8)
    edge = cv2.dilate(large, kernel) - cv2.erode(large, kernel)
    assert amber.sum() > 200
    assert (edge[amber] == 1).all()


def test_there_is_no_mask_picture_where_there_is_nothing_to_draw() -> None:
    pictures = draw_pictures(PHANTOMS[NO_TUMOR], replace(_answer(PHANTOMS[NO_TUMOR]), activation_map=None))
    assert (pictures.mask, pictures.heat) == (None, None)
    assert draw_pictures(PHANTOMS[GLIOMA], _answer(PHANTOMS[GLIOMA], "no_tumor")).mask is not None


# The page


def test_the_page_asks_for_nothing_and_runs_nothing(right_page: str) -> None:
    page = _Page(right_page)
    assert page.of("script") == page.of("link") == page.of("iframe") == []
    assert not re.search(r"https?://|//\w|@import|url\(", re.sub(r'src="data:[^"]*"', "", right_page))
    for attributes in page.of("img"):
        source = attributes["src"]
        assert source is not None
        head, _, data = source.partition(",")
        assert head == "data:image/png;base64"
        assert cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR).shape == (512, 512, 3)
    assert len(page.of("img")) == 4 * 4 - 1
    for attributes in page.of("a"):
        target = attributes["href"] or ""
        assert not target.startswith(("/", "http"))
        if target.startswith("#"):
            assert f'id="{target[1:]}"' in right_page


def test_the_page_can_be_read_without_seeing_it(right_page: str) -> None:
    page = _Page(right_page)
    assert page.of("html")[0]["lang"] == "en"
    alts = [attributes["alt"] for attributes in page.of("img")]
    assert all(alts) and len(set(alts)) == len(alts)
    assert all(attributes["scope"] in ("col", "row") for attributes in page.of("th"))
    assert all(f'id="{attributes["aria-labelledby"]}"' in right_page for attributes in page.of("table"))
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)


def test_the_page_says_what_it_is(right_page: str) -> None:
    text = " ".join(" ".join(_Page(right_page).text).split())
    assert text.count("Research use, not a medical device") >= 2
    assert "drawn heads, no patients" in text
    assert "4 of 4 classes right" in " ".join(_tiles(right_page))
    assert "tumorlens analyze your-scan.png --out results" in text
    assert "prefers-color-scheme: dark" in right_page
    assert demo_module.MARK.decode() in right_page[:4096]


def _tiles(page: str) -> list[str]:
    return [f"{value} {name}" for name, value in re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd></div>", page)]


def test_the_page_tells_what_went_wrong() -> None:
    wrong = _case(PHANTOMS[GLIOMA], _answer(PHANTOMS[GLIOMA], "no_tumor"))
    text = " ".join(_Page(_page([wrong])).text)
    assert "Wrong class" in text
    assert wrong.comparison.verdict.sentence in text.replace("\N{NO-BREAK SPACE}", " ")
    assert "0 of 1 classes right" in " ".join(_tiles(_page([wrong])))


def test_the_table_holds_true_measured_and_difference(right_page: str) -> None:
    truth = PHANTOMS[PITUITARY].truth
    assert truth is not None
    section = right_page[right_page.index('id="phantom-pituitary"') : right_page.index('id="phantom-no-tumor"')]
    area = section[section.index(">Area <span") :]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", area[: area.index("</tr>")])
    shown = [float(cell) for cell in cells[:2]]
    measured = PHANTOMS[PITUITARY].mask.sum() * PHANTOMS[PITUITARY].spacing_mm[0] ** 2
    assert shown == [round(truth.area_mm2), round(measured)]
    assert (
        cells[2].replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", " ")
        == f"{100 * (measured / truth.area_mm2 - 1):+.1f} %"
    )


def test_the_models_are_told_from_their_manifests() -> None:
    metric = Metric(name="accuracy", value=0.9812, low=0.97, high=0.99, images=1311, data="the <test> part")
    page = _page([_case(PHANTOMS[NO_TUMOR], _answer(PHANTOMS[NO_TUMOR]))], (metric,))
    text = " ".join(_Page(page).text)
    assert "accuracy 0.981" in text and "(0.970 to 0.990)" in text and "1,311 images" in text
    assert "the &lt;test&gt; part" in page and "A &lt;small&gt; network" in page
    assert "some-model-1@0123456789ab" in text and "0123456789abcdef…" in text
    assert "Apache-2.0" in text and "some collection, 5,000 images (CC0), and 150 phantoms of other seeds" in text
