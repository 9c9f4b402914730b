"""The README's pictures of the page, of phantoms: ``python scripts/web_screenshots.py``.

Starts ``tumorlens serve`` on a free port, drives Debian's chromium through it, and writes docs/images/web-result.png
and docs/images/web-compare.png.
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "web"))

from page_driver import Server, Tab, launch  # noqa: E402

FOLDER = ROOT / "docs" / "images"
LARGEST = 400_000


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    server = Server()
    try:
        with sync_playwright() as playwright:
            browser = launch(playwright)
            light = Tab(browser, server.url, color_scheme="light").open()
            for name in ("No tumor", "Pituitary tumor", "Meningioma", "Glioma"):
                show(light, name)
            save(light.page, "web-result.png")
            light.close()
            dark = Tab(browser, server.url, color_scheme="dark").open()
            show(dark, "Meningioma")
            before = dark.page.url.rsplit("/", 1)[1]
            show(dark, "Meningioma")
            correct(dark)
            after = dark.page.url.rsplit("/", 1)[1]
            dark.open(f"#/compare/{before}/{after}")
            for number in range(2):
                expect(dark.page.locator(".hud-levels").nth(number)).not_to_be_empty()
            save(dark.page, "web-compare.png")
            dark.close()
            browser.close()
    finally:
        server.stop()


def show(tab: Tab, name: str) -> None:
    """Analyze a phantom."""
    tab.page.locator(".brand").click()
    tab.page.get_by_role("button", name=f"{name} Phantom").click()
    print(f"{name}: {tab.result()}")


def correct(tab: Tab) -> None:
    """Widen the outline by a stroke around it, so that there is a change to compare."""
    region = tab.item()["analysis"]["regions"][0]
    rows, cols = tab.item()["analysis"]["shape"]
    box = tab.page.locator(".stage-surface").bounding_box()
    assert box is not None
    unit = min(box["width"] / cols, box["height"] / rows)
    row, col = region["centroid"]
    at = ((col - cols / 2) * unit, (row - rows / 2) * unit)
    tab.page.get_by_role("button", name="Correct outline").click()
    tab.drag(0.35 * region["width_px"] * unit, -0.35 * region["height_px"] * unit, offset=at)
    tab.until("Measured", ".edit-status")
    tab.page.get_by_role("button", name="Done").click()


def save(page: Page, name: str) -> None:
    """A screenshot, of fewer grey levels and hues where it would be too large."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)
    path = FOLDER / name
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    for step in (1, 2, 4, 8):
        picture.point(lambda level, step=step: level // step * step).save(path, optimize=True)
        if path.stat().st_size <= LARGEST:
            break
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}: {size} bytes")
    if size > LARGEST:
        raise SystemExit(f"{path} has {size} bytes, and the limit is {LARGEST}: choose a simpler picture.")


if __name__ == "__main__":
    main()
