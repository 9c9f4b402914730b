"""What the page shows where a reader answers: no all-clear, no certainty about scans it does not know."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from made_models import write_reader
from page_driver import Server, Tab, launch, phantom_files
from playwright.sync_api import Browser, expect, sync_playwright

from tumorlens.inference.findings import NOT_MEASURED, UNLIKE
from tumorlens.inference.manifest import AreaInterval
from tumorlens.inference.shipped import DEFAULT_GATE, DEFAULT_READER, weights_folder

pytestmark = pytest.mark.extra_train  # not torch: but Playwright and axe, which the bare environment has not either

LOOK = {
    "sequence": "t2",
    "with_tumor": 50,
    "without_tumor": 9,
    "sensitivity": 0.9,
    "sensitivity_interval": (0.8, 0.95),
}
MEASURED = "it found 90 of 100 slices with a tumor (95 % interval 80 to 95)."
RULES = {"known": [LOOK], "unlike_threshold": 2.0}
NONE = {"bias": {"tumor_logit": [-4.0]}, "rules": RULES}
ODD = {"bias": {"tumor_logit": [-4.0], "unlike": [9.0]}, "rules": RULES}
KIND = {
    "bias": {"kind_logits": [1.0, 0.9, 0.2]},
    "area_interval": AreaInterval(coverage=0.9, low=0.1, high=1.5, images=10, data="made"),
}
CONTEXTS: list[dict[str, Any]] = [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    paths = phantom_files(tmp_path_factory.mktemp("phantoms"))
    pixels = cv2.imread(str(paths["meningioma"]), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    # What made readers outline.
    pixels[90:150, 90:150] = 255
    cv2.imwrite(str(paths["meningioma"]), pixels)
    return paths


@pytest.fixture
def shown(browser: Browser, phantoms: dict[str, Path], tmp_path: Path) -> Iterator[Callable[..., Tab]]:
    """A tab with the answer of a made reader to a phantom, behind a gate that lets all in."""
    ends: list[Callable[[], None]] = []

    def answered(made: dict[str, Any], **context: Any) -> Tab:
        folder = tmp_path / f"weights{len(ends)}"
        gate = folder / DEFAULT_GATE
        gate.mkdir(parents=True)
        (gate / "model.onnx").symlink_to((weights_folder() / DEFAULT_GATE / "model.onnx").resolve())
        # A hot gate is never sure of anything, and this one lets all in.
        never = {"temperature": 1e6, "threshold": 0.1}
        described = json.loads((weights_folder() / DEFAULT_GATE / "manifest.json").read_text()) | never
        (gate / "manifest.json").write_text(json.dumps(described))
        write_reader(folder / DEFAULT_READER, **made)
        server = Server(weights=folder)
        ends.append(server.stop)
        tab = Tab(browser, server.url, **context)
        ends.append(tab.close)
        tab.open().analyze(phantoms["meningioma"])
        return tab

    yield answered
    for end in reversed(ends):
        end()


def color(tab: Tab, selector: str) -> str:
    found: str = tab.page.locator(selector).first.evaluate("(one) => getComputedStyle(one).color")
    return found


def is_grey(text: str) -> bool:
    """Whether no channel stands out much: an all-clear would be green."""
    red, green, blue = (float(one) for one in re.findall(r"[\d.]+", text)[:3])
    return green <= max(red, blue) + 8 and max(red, green, blue) - min(red, green, blue) < 64


@pytest.mark.parametrize("context", CONTEXTS)
def test_no_tumor_is_neutral_and_says_what_was_looked_for(shown: Callable[..., Tab], context: dict[str, Any]) -> None:
    tab = shown(NONE, **context)
    expect(tab.page.locator(".answer h1")).to_have_text("No tumor detected")
    analysis = tab.item()["analysis"]
    assert MEASURED in analysis["looked_for"]
    tab.until(analysis["looked_for"], ".answer .messages")
    tab.until("That is no proof that there is no tumor.", ".answer .messages")
    assert color(tab, ".answer h1") == color(tab, ".measurements h2") and is_grey(color(tab, ".answer h1"))
    for one in tab.page.locator(".answer .messages li").all():
        assert is_grey(one.evaluate("(one) => getComputedStyle(one).color"))
        assert is_grey(one.evaluate("(one) => getComputedStyle(one).backgroundColor"))
    assert tab.page.locator(".answer .found, .answer .warning").count() == 0
    for bar in tab.page.locator(".answer .meter i").all():
        assert is_grey(bar.evaluate("(one) => getComputedStyle(one).backgroundColor"))
    expect(tab.page.locator(".rail .status")).to_contain_text("No tumor detected")
    assert tab.serious() == []
    assert tab.width() <= tab.page.viewport_size["width"]  # type: ignore[index]


@pytest.mark.parametrize("context", CONTEXTS[1:])
def test_an_unlike_scan_shows_no_answer_anywhere(shown: Callable[..., Tab], context: dict[str, Any]) -> None:
    tab = shown(ODD, **context)
    expect(tab.page.locator(".answer h1")).to_have_text("Cannot tell: this scan is unlike those that the model knows")
    tab.until(UNLIKE, ".answer .messages .warning")
    tab.until(NOT_MEASURED, ".answer .messages")
    expect(tab.page.locator(".rail .status")).to_have_text("Not sure: unlike known scans")
    assert "No tumor detected" not in tab.page.locator("body").inner_text()
    assert tab.page.locator(".answer .confidence, .answer .leads").count() == 0
    tab.until("Probabilities, which may mean nothing", ".answer h2")
    assert is_grey(color(tab, ".answer h1"))
    assert tab.serious() == []
    key = tab.page.url.rsplit("/", 1)[1]
    tab.page.goto(f"{tab.url}/#/scans")
    expect(tab.page.locator(f'tr[data-key="{key}"] .c-answer')).to_have_text("Not sure: unlike known scans")
    expect(tab.page.locator(f'tr[data-key="{key}"] .c-number').first).to_have_text("\u2013")
    tab.page.goto(f"{tab.url}/#/compare/{key}/")
    tab.until("Cannot tell", ".compare-answer")


def test_an_uncertain_kind_and_an_unsure_outline_are_shown(shown: Callable[..., Tab]) -> None:
    tab = shown(KIND)
    expect(tab.page.locator(".answer h1")).to_have_text("Tumor of uncertain kind suspected")
    tab.until("The kind of this tumor cannot be told from this slice.", ".answer .messages")
    tab.until("If there is a tumor: glioma 42.5\u202f%, meningioma 38.4\u202f%", ".answer .given")
    tab.until("This outline is unsure", ".measurements .unsure")
    expect(tab.page.locator(".rail .status")).to_contain_text("Tumor, kind uncertain")
    tab.page.locator(".about summary").click()
    tab.until("T2, whole head (as the model judges)", ".about")
    tab.until("Reader", ".about")
    assert tab.serious() == []
