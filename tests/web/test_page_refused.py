"""What the page shows of the gate, of prediction sets and of intervals, on altered copies of the shipped models."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_driver import Server, Tab, launch, phantom_files
from playwright.sync_api import Browser, expect, sync_playwright

from tumorlens.inference.analysis import OVERRIDDEN, REFUSED
from tumorlens.inference.shipped import DEFAULT_CLASSIFIER, DEFAULT_GATE, DEFAULT_SEGMENTER, weights_folder
from tumorlens.notice import NOTICE

pytestmark = pytest.mark.extra_train  # not torch: but Playwright and axe, which the bare environment has not either

MEASURED = {"images": 100, "data": "made"}
HOT_GATE = {"temperature": 1e6}  # never sure of anything


def altered(folder: Path, threshold: float) -> Path:
    """Copies of the shipped models: a gate with that threshold and a score of one half, sets and intervals."""
    changes: dict[str, dict[str, Any]] = {
        DEFAULT_GATE: {**HOT_GATE, "threshold": threshold},
        DEFAULT_CLASSIFIER: {"conformal": {"coverage": 0.95, "threshold": 0.0, **MEASURED}},
        DEFAULT_SEGMENTER: {"area_interval": {"coverage": 0.9, "low": 0.5, "high": 1.5, **MEASURED}},
    }
    for name, changed in changes.items():
        (folder / name).mkdir(parents=True)
        manifest = json.loads((weights_folder() / name / "manifest.json").read_text()) | changed
        (folder / name / "manifest.json").write_text(json.dumps(manifest))
        (folder / name / "model.onnx").symlink_to((weights_folder() / name / "model.onnx").resolve())
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose gate refuses everything."""
    folder = tmp_path_factory.mktemp("strict")
    started = Server("--store", str(folder / "a.sqlite"), weights=altered(folder / "weights", 0.9))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return phantom_files(tmp_path_factory.mktemp("phantoms"))


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[Callable[..., Tab]]:
    opened: list[Tab] = []

    def make(server: Server, **context: Any) -> Tab:
        opened.append(Tab(browser, server.url, **context))
        return opened[-1].open()

    yield make
    for tab in opened:
        tab.close()


def refused(tab: Tab, path: Path) -> None:
    tab.add(path)
    expect(tab.page.locator(".refusal h1")).to_have_text(REFUSED, timeout=20_000)


@pytest.mark.parametrize("context", [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}])
def test_a_refusal_is_a_card_with_picture_reason_and_a_way_round(
    open_tab: Callable[..., Tab], strict: Server, phantoms: dict[str, Path], context: dict[str, Any]
) -> None:
    tab = open_tab(strict, **context)
    refused(tab, phantoms["glioma"])
    tab.until(tab.item()["analysis"]["reason"], ".refusal")
    assert tab.page.locator(".refusal img").evaluate("async (img) => { await img.decode(); return img.naturalWidth }")
    expect(tab.page.locator(".notice")).to_have_text(NOTICE)
    assert tab.page.locator(".probabilities, table.sizes, .answer").count() == 0
    expect(tab.page.locator(".rail .status")).to_have_text("Refused")
    assert tab.serious() == []
    assert tab.width() <= tab.page.viewport_size["width"]  # type: ignore[index]


def test_the_button_reads_it_all_the_same(
    open_tab: Callable[..., Tab], strict: Server, phantoms: dict[str, Path]
) -> None:
    tab = open_tab(strict)
    refused(tab, phantoms["glioma"])
    tab.page.get_by_role("button", name="Read it all the same").click()
    message = tab.result()
    analysis = tab.item()["analysis"]
    assert (analysis["status"], analysis["message"]) == ("answered", message)
    tab.until(OVERRIDDEN, ".messages")
    assert tab.page.locator(".rail li").count() == 1


def test_the_box_on_the_first_page_reads_what_comes_next(
    open_tab: Callable[..., Tab], strict: Server, phantoms: dict[str, Path]
) -> None:
    tab = open_tab(strict)
    tab.page.get_by_label("Read files all the same").check()
    tab.analyze(phantoms["meningioma"])
    tab.until(OVERRIDDEN, ".messages")
    tab.page.goto(f"{strict.url}/#/")
    tab.page.get_by_label("Read files all the same").uncheck()
    refused(tab, phantoms["meningioma"])


def test_after_a_reload_the_card_says_how_to_read_it(
    open_tab: Callable[..., Tab], strict: Server, phantoms: dict[str, Path]
) -> None:
    tab = open_tab(strict)
    refused(tab, phantoms["pituitary"])
    tab.page.reload()
    tab.until("add the file again", ".refusal")
    assert tab.page.get_by_role("button", name="Read it all the same").count() == 0


def test_another_slice_of_a_refused_volume_can_be_asked_for(
    open_tab: Callable[..., Tab], strict: Server, tmp_path: Path
) -> None:
    import nibabel

    volume = np.random.default_rng(0).integers(0, 99, (64, 64, 5)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii.gz")
    tab = open_tab(strict)
    refused(tab, tmp_path / "v.nii.gz")
    tab.until("3 of 5", ".refusal")
    before = tab.page.url
    tab.page.get_by_label("Slice").fill("4")
    tab.page.wait_for_url(lambda url: url != before)
    tab.until("5 of 5", ".refusal")
    assert tab.item()["volume"] == {"slices": 5, "slice": 4}


def test_lists_and_comparison_know_the_refused(
    open_tab: Callable[..., Tab], strict: Server, phantoms: dict[str, Path]
) -> None:
    tab = open_tab(strict)
    refused(tab, phantoms["no_tumor"])
    key = tab.page.url.rsplit("/", 1)[1]
    tab.page.goto(f"{strict.url}/#/scans")
    row = tab.page.locator(f'tr[data-key="{key}"]')
    expect(row.locator(".c-answer")).to_have_text("Refused")
    expect(row.locator(".c-number").first).to_have_text("\u2013")
    tab.page.goto(f"{strict.url}/#/compare/{key}/")
    tab.until("No other scan yet", ".compare")


def test_classes_that_remain_possible_and_the_interval_are_shown(
    open_tab: Callable[..., Tab], phantoms: dict[str, Path], tmp_path: Path
) -> None:
    server = Server(weights=altered(tmp_path / "weights", 0.1))
    try:
        tab = open_tab(server)
        tab.analyze(phantoms["meningioma"])
        analysis = tab.item()["analysis"]
        assert analysis["trust"].startswith("Four classes remain possible: ")
        tab.until(analysis["trust"], ".answer .messages .warning")
        area = sum(region["area_px"] for region in analysis["regions"])
        row = tab.page.locator("tr[data-row=interval]")
        expect(row).to_contain_text("90\u202f% interval")
        low, high = row.locator("td").inner_text().removesuffix("\u202fpx").split(" to ")
        assert [int(one.replace(",", "")) for one in (low, high)] == pytest.approx([area * 0.5, area * 1.5], abs=1)
        assert tab.serious() == []
        tab.page.locator(".brand").click()
        tab.page.get_by_role("button", name="Glioma Phantom").click()
        tab.result()
        # With the spacing known there are two columns, and the table must still fit into the window.
        expect(row).to_contain_text("mm\u00b2")
        table = tab.page.locator("table.sizes").bounding_box()
        width = tab.page.evaluate("document.documentElement.clientWidth")
        assert table is not None and table["x"] + table["width"] <= width
    finally:
        server.stop()
