"""The page that ``analyze`` leaves beside a volume, in a real browser: it scrolls, jumps, and asks for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from page_driver import launch, wait_until
from playwright.sync_api import Page, sync_playwright

from tumorlens import analyze
from tumorlens.inference import Analysis
from tumorlens.phantoms import demo_phantoms
from tumorlens.scan import Scan, Source
from tumorlens.writers.page import volume_page

pytestmark = pytest.mark.extra_train  # not torch: but Playwright, which the bare environment has not either


@pytest.fixture(scope="module")
def answered() -> Analysis:
    by_label = {str(one.label): one.pixels for one in demo_phantoms()}
    pixels = np.stack([by_label["glioma" if 3 <= at < 9 else "no_tumor"] for at in range(12)])
    affine = np.array([[0, 0, -1.0, 90], [0, -1.0, 0, 90], [4.0, 0, 0, -20], [0, 0, 0, 1]])
    source = Source("made.nii.gz", "0" * 64, "nifti")
    return analyze(Scan(pixels, (4.0, 1.0, 1.0), "user", affine, source=source))


@pytest.fixture
def page(answered: Analysis, tmp_path: Path) -> Iterator[Page]:
    path = tmp_path / "made.html"
    path.write_bytes(volume_page(answered))
    with sync_playwright() as playwright:
        browser = launch(playwright)
        shown = browser.new_page(viewport={"width": 1000, "height": 900})
        asked: list[str] = []
        said: list[str] = []
        shown.on("request", lambda request: asked.append(request.url))
        shown.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        shown.on("pageerror", lambda error: said.append(str(error)))
        shown.goto(path.as_uri())
        yield shown
        assert [one for one in asked if not one.startswith(("file:", "data:"))] == []
        assert said == []
        browser.close()


def index(page: Page) -> int:
    return int(page.locator("body").get_attribute("data-shown") or -1)


def green(page: Page) -> bool:
    return bool(
        page.evaluate(
            """() => { const c = document.getElementById("slice");
            const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
            for (let i = 0; i < d.length; i += 4) if (d[i + 1] > 200 && d[i] < 60) return true;
            return false; }"""
        )
    )


def test_it_opens_on_the_largest_slice_and_scrolls(page: Page, answered: Analysis) -> None:
    wait_until(lambda: index(page) == answered.slice_index)
    wait_until(lambda: green(page))
    page.locator(".view").focus()
    page.keyboard.press("Home")
    wait_until(lambda: index(page) == 0)
    assert not green(page)
    page.keyboard.press("ArrowDown")
    wait_until(lambda: index(page) == 1)
    page.locator(".view").hover()
    page.mouse.wheel(0, 100)
    wait_until(lambda: index(page) == 2)
    assert "Slice 2 of 12" in page.locator("#words").inner_text()
    page.get_by_role("button", name="Largest slice").click()
    wait_until(lambda: green(page))
    page.locator("#outline").uncheck()
    wait_until(lambda: not green(page))


def test_a_lesion_is_one_click_away_and_sides_are_labelled(page: Page, answered: Analysis) -> None:
    assert answered.whole is not None
    page.locator(".view").focus()
    page.keyboard.press("End")
    wait_until(lambda: index(page) == 11)
    page.locator("button.go").first.click()
    wait_until(lambda: index(page) == answered.whole.bodies[0].largest_slice)  # type: ignore[union-attr]
    assert [page.locator(f".edge.{side}").inner_text() for side in ("left", "right", "top")] == ["R", "L", "A"]
    assert "Research use, not a medical device." in page.locator(".notice").inner_text()
