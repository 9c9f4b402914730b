"""A browser on the page: Debian's chromium, driven by Playwright, and a watch on everything that it asks for."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from tumorlens.io import encode_png
from tumorlens.phantoms import demo_phantoms

ARTIFACTS = Path(__file__).parents[2] / "artifacts"
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 45_000
MAIN = "from tumorlens.cli.main import main; main()"


def launch(playwright: Playwright) -> Browser:
    """The system's chromium; where there is none the tests skip, which a run with ``CI`` set does not let pass."""
    path = os.environ.get("TUMORLENS_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium: install it (apt-get install chromium), or name one in TUMORLENS_CHROMIUM")
    return playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)


class Server:
    """``tumorlens serve`` in a process of its own, on a free port; with other models where ``weights`` names some."""

    def __init__(self, *options: str, weights: Path | None = None) -> None:
        chosen = {} if weights is None else {"TUMORLENS_WEIGHTS": str(weights)}
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", MAIN, "serve", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **chosen},
        )
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                self.url = found[0]
                # Somebody must go on reading, or the server would stop at a full pipe.
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return
        raise RuntimeError("tumorlens serve did not start:\n" + "".join(said))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


class Tab:
    """A page with the moves that every test makes; :meth:`close` fails on what the page must never do."""

    def __init__(self, browser: Browser, url: str, **context: Any) -> None:
        options = {"viewport": {"width": 1440, "height": 900}, "accept_downloads": True, **context}
        self.url = url
        self.context: BrowserContext = browser.new_context(**options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.refusals_expected = False
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        self.context.on("request", self._watch)
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        # Chromium hands a chooser over only while somebody listens, and starts to do so a little late.
        self.page.on("filechooser", lambda _: None)
        self.page.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error('CSP: ' + e.violatedDirective))"
        )

    def _watch(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and f"{parts.scheme}://{parts.netloc}" != self.url:
            self.foreign.append(request.url)

    def _hear(self, kind: str, text: str) -> None:
        # The browser itself logs every answer above 399, and some tests ask for such an answer.
        if kind == "error" and not (self.refusals_expected and text.startswith("Failed to load resource")):
            self.complaints.append(text)

    def close(self) -> None:
        self.context.close()
        assert self.foreign == [], "the page asked another site"
        assert self.complaints == []

    def open(self, path: str = "#/") -> Tab:
        self.page.goto(f"{self.url}/{path}")
        expect(self.page.locator("main h1, main .stage").first).to_be_visible(timeout=PATIENCE_MS)
        return self

    def add(self, *paths: Path) -> None:
        self.page.locator("#file-input").set_input_files([str(one) for one in paths])

    def result(self) -> str:
        """Wait for an answer with its picture; the message."""
        heading = self.page.locator(".answer h1")
        expect(heading).to_be_visible(timeout=PATIENCE_MS)
        expect(self.page.locator(".hud-levels")).not_to_be_empty(timeout=PATIENCE_MS)
        return heading.inner_text()

    def analyze(self, path: Path) -> str:
        self.add(path)
        return self.result()

    def item(self, key: str | None = None) -> dict[str, Any]:
        """What the server says about the scan that is shown."""
        key = key or self.page.url.rsplit("/", 1)[1]
        answer: dict[str, Any] = self.context.request.get(f"{self.url}/api/v1/analyses/{key}").json()
        return answer

    def canvas(self) -> np.ndarray:
        """Pixels of the stage, RGBA ``[rows, cols, 4]``."""
        script = """() => { const c = document.querySelector('.stage-canvas');
            const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            let s = ''; for (let i = 0; i < d.length; i += 32768) s += String.fromCharCode(...d.subarray(i, i + 32768));
            return [c.height, c.width, btoa(s)]; }"""
        rows, cols, text = self.page.evaluate(script)
        return np.frombuffer(base64.b64decode(text), np.uint8).reshape(rows, cols, 4)

    def settled_canvas(self) -> np.ndarray:
        """Pixels of the stage once they stand still: a machine with other work draws late."""
        before = self.canvas()
        while True:
            self.page.wait_for_timeout(200)
            now = self.canvas()
            if np.array_equal(now, before):
                return now
            before = now

    def middle(self) -> tuple[float, float]:
        box = self.page.locator(".stage-surface").bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag(self, dx: float, dy: float, offset: tuple[float, float] = (0, 0), release: bool = True) -> None:
        x, y = (middle + by for middle, by in zip(self.middle(), offset, strict=True))
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + dx, y + dy, steps=6)
        if release:
            self.page.mouse.up()

    def until(self, text: str, selector: str) -> None:
        expect(self.page.locator(selector)).to_contain_text(text, timeout=PATIENCE_MS)

    def width(self) -> int:
        found: int = self.page.evaluate("document.documentElement.scrollWidth")
        return found

    def shot(self, name: str, full_page: bool = False) -> None:
        """Keep a screenshot among the artifacts."""
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"page-{name}.png", full_page=full_page)

    def serious(self) -> list[str]:
        """Findings of axe that are serious or critical, as readable lines."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['impact']} {one['id']}: {node['target']} {node.get('failureSummary', '')}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]


def phantom_files(folder: Path) -> dict[str, Path]:
    """The four demo phantoms as PNG files, by label; the files state no spacing."""
    paths = {}
    for phantom in demo_phantoms():
        path = folder / f"phantom {phantom.label}.png"
        path.write_bytes(encode_png(np.clip(phantom.pixels, 0, 255).astype(np.uint8)))
        paths[str(phantom.label)] = path
    return paths


def wait_until(condition: Any, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
