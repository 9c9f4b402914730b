"""The page in a real browser: chromium on ``tumorlens serve``."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from page_driver import PATIENCE_MS, Server, Tab, launch, phantom_files, wait_until
from playwright.sync_api import Browser, expect, sync_playwright

from tumorlens.inference.document import AnalysisDocument
from tumorlens.notice import NOTICE

pytestmark = pytest.mark.extra_train  # not torch: but Playwright and axe, which the bare environment has not either

WORDS = {"glioma": "Glioma", "meningioma": "Meningioma", "pituitary": "Pituitary tumor", "no_tumor": "No tumor"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return phantom_files(tmp_path_factory.mktemp("phantoms"))


@pytest.fixture
def tabs(browser: Browser, server: Server) -> Iterator[Callable[..., Tab]]:
    opened: list[Tab] = []

    def make(url: str | None = None, **context: Any) -> Tab:
        opened.append(Tab(browser, url or server.url, **context))
        return opened[-1]

    yield make
    for tab in opened:
        tab.close()


@pytest.fixture
def tab(tabs: Callable[..., Tab]) -> Tab:
    return tabs().open()


def test_phantom(tab: Tab, phantoms: dict[str, Path]) -> None:
    """The answer comes first, with its bars, and lengths without a spacing stay in pixels."""
    message = tab.analyze(phantoms["meningioma"])
    analysis = tab.item()["analysis"]
    assert message == analysis["message"]
    bars = tab.page.locator(".probabilities li")
    wait_until(lambda: [row.split("\n")[0] for row in bars.all_inner_texts()] == list(WORDS.values()))
    meters = tab.page.locator(".probabilities [role=meter]")
    shown = [float(one.get_attribute("aria-valuenow") or "nan") / 100 for one in meters.all()]
    assert shown == pytest.approx(list(analysis["probabilities"].values()), abs=0.0006)
    area = sum(region["area_px"] for region in analysis["regions"])
    assert area > 0
    tab.until(f"{area:,}", "tr[data-row=area]")
    assert "mm" not in tab.page.locator("table.sizes").first.inner_text()
    tab.until("no pixel spacing", ".measurements")
    assert (tab.canvas()[..., 1].astype(int) - tab.canvas()[..., 0] > 60).any(), "no green outline"
    expect(tab.page.locator(".notice")).to_have_text(NOTICE)
    tab.shot("result")


def test_spacing_by_hand(tab: Tab, phantoms: dict[str, Path]) -> None:
    tab.analyze(phantoms["meningioma"])
    first = tab.page.url
    tab.page.get_by_text("Enter the spacing").click()
    tab.page.get_by_label("Row spacing").fill("0.8")
    tab.page.get_by_label("Column spacing").fill("0.75")
    tab.page.get_by_role("button", name="Measure in mm").click()
    tab.until("Pixel spacing 0.800 × 0.750 mm", ".measurements")
    assert tab.page.url != first
    analysis = tab.item()["analysis"]
    assert analysis["spacing_mm"] == [0.8, 0.75]
    assert analysis["regions"][0]["area_mm2"] == pytest.approx(analysis["regions"][0]["area_px"] * 0.6)
    assert tab.page.locator(".rail li").count() == 1


def test_no_tumor_invents_nothing(tab: Tab) -> None:
    tab.page.get_by_role("button", name="No tumor").click()
    assert tab.result() == "No tumor detected"
    assert tab.page.locator("table.sizes").count() == 0
    for name in ("Outline", "Mask"):
        expect(tab.page.get_by_role("button", name=name, exact=True)).to_be_disabled()
    assert tab.page.get_by_role("link", name="Mask PNG").count() == 0
    colors = tab.canvas()[..., :3].astype(int)
    assert np.ptp(colors, axis=2).max() < 24, "the picture is not grey"
    tab.shot("no-tumor")


def test_real_mri(tab: Tab, real_data: Callable[[str], Path]) -> None:
    folder = real_data("nickparvar-224") / "Testing" / "glioma"
    tab.add(sorted(folder.iterdir())[0])
    assert tab.result() == tab.item()["analysis"]["message"]


def test_window_level(tab: Tab, phantoms: dict[str, Path]) -> None:
    tab.analyze(phantoms["no_tumor"])
    levels = tab.page.locator(".hud-levels")
    picture = tab.settled_canvas()
    start = levels.inner_text()
    tab.drag(-90, 0)
    wait_until(lambda: levels.inner_text() != start and tab.canvas().mean() != picture.mean())
    tab.page.get_by_role("button", name="Reset the view").click()
    wait_until(lambda: levels.inner_text() == start and np.array_equal(tab.canvas(), picture))
    tab.page.get_by_role("button", name="Invert the grey levels").click()
    wait_until(lambda: tab.canvas()[..., 0].mean() > 2 * picture[..., 0].mean())


def test_zoom_pan_ruler_and_layouts(tab: Tab, phantoms: dict[str, Path]) -> None:
    tab.analyze(phantoms["glioma"])
    before = tab.settled_canvas()
    tab.page.mouse.move(*tab.middle())
    tab.page.mouse.wheel(0, -400)
    wait_until(lambda: not np.array_equal(tab.canvas(), before))
    zoomed = tab.canvas()
    tab.page.get_by_role("button", name="Move the picture").click()
    tab.drag(60, 40)
    wait_until(lambda: not np.array_equal(tab.canvas(), zoomed))
    tab.page.get_by_role("button", name="Fit the picture").click()
    wait_until(lambda: np.array_equal(tab.canvas(), before))
    tab.page.get_by_role("button", name="Ruler: drag").click()
    tab.drag(120, 0)
    tab.until("Ruler: ", ".stage [aria-live]")
    cols, rows = (tab.item()["analysis"]["shape"][at] for at in (1, 0))
    box = tab.page.locator(".stage-surface").bounding_box()
    assert box
    unit = min(box["width"] / cols, box["height"] / rows)
    said = tab.page.locator(".stage [aria-live]").inner_text()
    assert said.endswith("px")
    assert float(said.split()[1].removesuffix("px").strip()) == pytest.approx(120 / unit, abs=0.1)
    for layout in ("Side by side with the scan", "Swipe over the scan"):
        shown = tab.canvas()
        tab.page.get_by_role("button", name=layout).click()
        wait_until(lambda shown=shown: not np.array_equal(tab.canvas(), shown))
        tab.shot(layout.split()[0].lower())
    handle = tab.page.get_by_role("slider", name="Border between the scan and the overlay")
    handle.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", "52")


def test_correct_the_outline(tab: Tab, phantoms: dict[str, Path]) -> None:
    """A stroke changes the area at once, the server measures it, undo takes it back, the download says who did it."""
    tab.analyze(phantoms["meningioma"])
    model = tab.item()["analysis"]
    area = tab.page.locator("tr[data-row=area]")
    start = area.inner_text()
    tab.page.get_by_role("button", name="Correct outline").click()
    tab.page.get_by_label("Your name").fill("Zoë Škoda")
    tab.drag(50, 10, offset=(-20, -60), release=False)
    wait_until(lambda: area.inner_text() != start)
    live = area.inner_text()
    tab.page.mouse.up()
    tab.until("Measured", ".edit-status")
    tab.until("Corrected by Zoë Škoda", ".measurements")
    corrected = tab.item()["corrected"]
    measured = sum(region["area_px"] for region in corrected["regions"])
    assert measured > sum(region["area_px"] for region in model["regions"])
    wait_until(lambda: f"{measured:,}" in area.inner_text() and area.inner_text() == live)
    tab.shot("edit")
    with tab.page.expect_download() as saved:
        tab.page.get_by_role("button", name="Correction JSON").click()
    document = json.loads(Path(saved.value.path()).read_text())
    assert document["corrected"]["edits"][0]["author"] == "Zoë Škoda"
    assert document["corrected"]["mask"] != document["analysis"]["mask"] == model["mask"]
    tab.page.keyboard.press("Control+z")
    wait_until(lambda: len((tab.item()["corrected"] or {"edits": []})["edits"]) == 2)
    wait_until(lambda: area.inner_text() == start)
    tab.page.get_by_role("button", name="Discard the correction").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Discard").click()
    tab.until("Model's outline", ".measurements")
    assert tab.item()["corrected"] is None


def test_downloads(tab: Tab, phantoms: dict[str, Path]) -> None:
    tab.analyze(phantoms["glioma"])
    analysis = tab.item()["analysis"]

    def fetch(name: str) -> tuple[str, bytes]:
        with tab.page.expect_download() as saved:
            tab.page.get_by_role("link", name=name, exact=True).click()
        return saved.value.suggested_filename, Path(saved.value.path()).read_bytes()

    rows, cols = analysis["shape"]
    _, overlay = fetch("Overlay PNG")
    picture = cv2.imdecode(np.frombuffer(overlay, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[0] / picture.shape[1] == pytest.approx(rows / cols)
    _, mask_file = fetch("Mask PNG")
    mask = cv2.imdecode(np.frombuffer(mask_file, np.uint8), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (rows, cols)
    assert np.count_nonzero(mask) == sum(region["area_px"] for region in analysis["regions"])
    name, document = fetch("JSON")
    assert name.endswith(".json")
    assert AnalysisDocument.model_validate_json(document).label == analysis["label"]
    _, table = fetch("CSV")
    (row,) = csv.DictReader(io.StringIO(table.decode()))
    assert row["label"] == analysis["label"]
    name, report = fetch("Report")
    assert name.endswith(".html")
    assert NOTICE in report.decode() and "http://" not in report.decode().replace("http://www.w3.org/", "")


def test_wrong_file(tab: Tab, tmp_path: Path) -> None:
    tab.refusals_expected = True
    wrong = tmp_path / "letter.png"
    wrong.write_text("Dear colleague")
    tab.add(wrong)
    expect(tab.page.get_by_role("alert")).to_contain_text("plain text", timeout=PATIENCE_MS)
    assert "Traceback" not in tab.page.inner_text("body")
    empty = tmp_path / "empty.png"
    empty.touch()
    tab.add(empty)
    expect(tab.page.get_by_role("alert")).to_contain_text("The file is empty")
    tab.shot("error")


def test_thirty_files_a_zip_and_the_table(tab: Tab, tmp_path: Path) -> None:
    """Each file has its own row and progress; the table filters, and gives the CSV of all."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(30):
        path = tmp_path / f"scan {number:02}.png"
        cv2.imwrite(str(path), rng.integers(0, 255, (64, 64), np.uint8))
        paths.append(path)
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        for path in paths[:2]:
            archive.write(path, f"inner/{path.name}")
    tab.add(*paths, tmp_path / "more.zip")
    expect(tab.page.locator(".rail li")).to_have_count(32, timeout=PATIENCE_MS)
    expect(tab.page.locator(".rail li[data-phase=done]")).to_have_count(32, timeout=2 * PATIENCE_MS)
    tab.open("#/scans")
    expect(tab.page.locator("table.scans tbody tr")).to_have_count(32)
    with tab.page.expect_download() as saved:
        tab.page.get_by_role("link", name="CSV of all").click()
    assert len(list(csv.DictReader(Path(saved.value.path()).read_text().splitlines()))) == 32
    tab.page.get_by_label("Filter").fill("scan 07")
    expect(tab.page.locator("table.scans tbody tr")).to_have_count(1)
    tab.shot("many")


def test_cancel(tab: Tab, phantoms: dict[str, Path]) -> None:
    """A cancel while the file is on its way leaves nothing on the server."""
    held: list[Any] = []
    tab.page.route("**/api/v1/analyses", lambda route: held.append(route))
    tab.add(phantoms["glioma"])
    tab.page.locator("main").get_by_role("button", name="Cancel").click()
    expect(tab.page.locator("main h1")).to_have_text("Cancelled")
    expect(tab.page.locator(".rail li")).to_have_attribute("data-phase", "cancelled")
    wait_until(lambda: bool(held))
    tab.page.unroute("**/api/v1/analyses")
    tab.page.get_by_role("button", name="Remove").first.click()
    expect(tab.page.locator(".rail li")).to_have_count(0)


def test_full_queue_is_waited_for(tab: Tab, phantoms: dict[str, Path]) -> None:
    tab.refusals_expected = True
    answers = []

    def busy(route: Any) -> None:
        answers.append(route.request.method)
        if len(answers) > 1:
            return route.continue_()
        problem = json.dumps({"title": "Busy", "status": 429, "detail": "The queue is full."})
        headers = {"Retry-After": "1", "Content-Type": "application/problem+json"}
        return route.fulfill(status=429, headers=headers, body=problem)

    tab.page.route("**/api/v1/analyses", busy)
    tab.analyze(phantoms["glioma"])
    assert answers == ["POST", "POST"]


def test_reload_and_back(tab: Tab, phantoms: dict[str, Path]) -> None:
    message = tab.analyze(phantoms["meningioma"])
    here = tab.page.url
    tab.page.reload()
    assert tab.result() == message
    assert tab.page.locator(".rail li").count() == 1
    tab.page.get_by_role("link", name="All scans").click()
    expect(tab.page.locator("table.scans tbody tr")).to_have_count(1)
    tab.page.go_back()
    assert tab.page.url == here
    assert tab.result() == message
    tab.page.go_back()
    expect(tab.page.locator(".drop-zone")).to_be_visible()
    tab.page.go_forward()
    assert tab.result() == message


def test_drop_and_paste(tab: Tab, phantoms: dict[str, Path]) -> None:
    script = """([kind, bytes]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(bytes)], kind + '.png', { type: 'image/png' }));
        const event = kind === 'paste' ? new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true })
            : new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
    }"""
    content = list(phantoms["pituitary"].read_bytes())
    for count, kind in enumerate(("drop", "paste"), start=1):
        tab.page.evaluate(script, [kind, content])
        expect(tab.page.locator(".rail li[data-phase=done]")).to_have_count(count, timeout=PATIENCE_MS)
        tab.until(f"{kind}.png", ".crumb")


def test_compare(tab: Tab) -> None:
    for name in ("Glioma", "Meningioma"):
        tab.page.locator(".brand").click()
        tab.page.get_by_role("button", name=f"{name} Phantom").click()
        assert tab.result().startswith(name)
    tab.page.get_by_role("link", name="All scans").click()
    boxes = tab.page.locator("tbody input[type=checkbox]")
    expect(boxes).to_have_count(2, timeout=PATIENCE_MS)
    for box in boxes.all():
        box.check()
    tab.page.get_by_role("button", name="Compare two").click()
    expect(tab.page.locator(".hud-levels").nth(1)).not_to_be_empty(timeout=PATIENCE_MS)
    before, after = tab.page.url.rsplit("/", 2)[1:]
    areas = [sum(region["area_mm2"] for region in tab.item(key)["analysis"]["regions"]) for key in (before, after)]
    rows = tab.page.locator(".changes tr[data-row=area] td")
    expect(rows.first).to_be_visible(timeout=PATIENCE_MS)
    cells = [text.replace("\u2212", "-").replace(",", "") for text in rows.all_inner_texts()]
    assert [float(one) for one in cells[:3]] == pytest.approx([*areas, areas[1] - areas[0]], abs=0.06)
    assert float(cells[3].split("\u202f")[0]) == pytest.approx(100 * (areas[1] / areas[0] - 1), abs=0.06)
    tab.shot("compare")


def test_slices_of_a_volume(tab: Tab, tmp_path: Path) -> None:
    import nibabel

    depth, row, col = np.mgrid[0:12, 0:64, 0:48]
    ball = ((row - 32) ** 2 + (col - 24) ** 2 < 20**2) * (60.0 + depth)
    path = tmp_path / "volume.nii.gz"
    image = nibabel.Nifti1Image(ball.transpose(2, 1, 0).astype(np.float32), np.diag([2.0, 1.0, 3.0, 1.0]))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    tab.page.get_by_label("Read files all the same").check()  # a ball is no brain
    tab.analyze(path)
    tab.until("7 of 12", ".bar-slice")
    slider = tab.page.get_by_role("slider", name="Slice")
    slider.focus()
    slider.press("ArrowRight")
    tab.until("8 of 12", ".bar-slice")
    wait_until(lambda: (tab.item().get("volume") or {}).get("slice") == 7)
    tab.until("Pixel spacing 1.000 × 2.000 mm", ".measurements")
    assert tab.page.locator(".rail li").count() == 1


def test_keyboard_only(tab: Tab, phantoms: dict[str, Path]) -> None:
    """From the file to a ruler and a brush stroke without a mouse."""
    page = tab.page

    def tab_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("(s) => document.activeElement.matches(s)", selector):
                return
        raise AssertionError(f"Tab never reaches {selector}")

    tab_to(".drop-zone button")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(str(phantoms["meningioma"]))
    tab.result()
    start = page.locator(".hud-levels").inner_text()
    tab_to(".stage-surface")
    page.keyboard.press("ArrowRight")
    wait_until(lambda: page.locator(".hud-levels").inner_text() != start)
    tab_to("[aria-label^='Ruler']")
    page.keyboard.press("Enter")
    page.keyboard.down("Shift")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.stage-surface')"):
            break
    page.keyboard.up("Shift")
    for key in ("ArrowDown", "Enter", "ArrowRight", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    tab.until("Ruler: 3.0", ".stage [aria-live]")
    page.get_by_role("button", name="Correct outline").focus()
    page.keyboard.press("Enter")
    area = page.locator("tr[data-row=area]").inner_text()
    page.locator(".stage-surface").focus()
    for key in ("ArrowUp", "ArrowUp", "Space"):
        page.keyboard.press(key)
    tab.until("Measured", ".edit-status")
    wait_until(lambda: page.locator("tr[data-row=area]").inner_text() != area)


def test_phone(tabs: Callable[..., Tab], phantoms: dict[str, Path]) -> None:
    tab = tabs(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, device_scale_factor=2).open()
    assert tab.width() <= 390
    tab.shot("phone-home", full_page=True)
    tab.analyze(phantoms["meningioma"])
    assert tab.width() <= 390
    tops = [tab.page.locator(one).bounding_box()["y"] for one in (".answer", ".frame", ".measurements")]  # type: ignore[index]
    assert tops == sorted(tops), "the answer comes first, then the pictures, then the measurements"
    tab.page.get_by_role("button", name="Correct outline").tap()
    assert tab.width() <= 390
    tab.shot("phone-edit", full_page=True)
    tab.analyze(phantoms["no_tumor"])
    tab.open("#/scans")
    assert tab.width() <= 390
    rows = tab.page.locator("tbody tr")
    expect(rows.nth(1)).to_be_visible(timeout=PATIENCE_MS)
    keys = [row.get_attribute("data-key") for row in rows.all()]
    tab.open(f"#/compare/{keys[1]}/{keys[0]}")
    expect(tab.page.locator(".changes")).to_be_visible()
    assert tab.width() <= 390
    tab.shot("phone-compare", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe(tabs: Callable[..., Tab], phantoms: dict[str, Path], tmp_path: Path, scheme: str) -> None:
    tab = tabs(color_scheme=scheme, reduced_motion="reduce").open()
    tab.refusals_expected = True
    found = {}

    def check(name: str) -> None:
        found[name] = tab.serious()
        tab.shot(f"{scheme}-{name}")

    expect(tab.page.locator(".phantom")).to_have_count(4)
    check("home")
    tab.analyze(phantoms["no_tumor"])
    check("no-tumor")
    tab.analyze(phantoms["meningioma"])
    tab.page.locator(".about summary").click()
    check("result")
    tab.page.get_by_role("button", name="Swipe over the scan").click()
    tab.page.get_by_role("button", name="Correct outline").click()
    check("edit")
    tab.page.get_by_role("button", name="Keys and gestures").click()
    check("help")
    tab.page.keyboard.press("Escape")
    wrong = tmp_path / "wrong.png"
    wrong.write_text("wrong")
    tab.add(wrong)
    expect(tab.page.get_by_role("alert")).to_be_visible(timeout=PATIENCE_MS)
    check("error")
    tab.open("#/scans")
    check("scans")
    rows = tab.page.locator("tbody tr[data-phase=done]")
    expect(rows.nth(1)).to_be_visible(timeout=PATIENCE_MS)
    done = [row.get_attribute("data-key") for row in rows.all()]
    tab.open(f"#/compare/{done[1]}/{done[0]}")
    expect(tab.page.locator(".changes")).to_be_visible(timeout=PATIENCE_MS)
    check("compare")
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_theme_is_kept(tab: Tab) -> None:
    color = "getComputedStyle(document.body).backgroundColor"
    light = tab.page.evaluate(color)
    tab.page.get_by_role("button", name="Dark theme").click()
    dark = tab.page.evaluate(color)
    assert dark != light
    tab.page.reload()
    expect(tab.page.get_by_role("button", name="Light theme")).to_be_visible()
    assert tab.page.evaluate(color) == dark


def test_says_that_nothing_is_stored(tab: Tab, phantoms: dict[str, Path]) -> None:
    tab.until("Nothing is stored", ".privacy")
    tab.analyze(phantoms["glioma"])
    assert tab.page.get_by_label("Note").count() == 0


def test_store_and_token(browser: Browser, tabs: Callable[..., Tab], tmp_path: Path, phantoms: dict[str, Path]) -> None:
    """With a token the page asks for it; with a store there are notes, a search and a deletion."""
    server = Server("--store", str(tmp_path / "kept.sqlite"), "--token", "open-sesame-7f3a")
    try:
        tab = tabs(server.url)
        tab.refusals_expected = True
        tab.open()
        expect(tab.page.get_by_role("dialog")).to_contain_text("asks for a token", timeout=PATIENCE_MS)
        tab.page.get_by_label("Token", exact=True).fill("open-sesame-7f3a")
        tab.page.get_by_role("button", name="Continue").click()
        expect(tab.page.locator(".phantom")).to_have_count(4, timeout=PATIENCE_MS)
        assert "open-sesame" not in tab.page.url
        tab.until("until you delete them", ".privacy")
        tab.analyze(phantoms["glioma"])
        tab.page.get_by_label("Note").last.fill("seen again in spring")
        tab.until("Saved", ".slot-details")
        tab.analyze(phantoms["meningioma"])
        tab.page.evaluate("sessionStorage.clear()")
        tab.page.reload()
        tab.open("#/scans")
        rows = tab.page.locator("table.scans tbody tr")
        expect(rows).to_have_count(2, timeout=PATIENCE_MS)
        tab.page.get_by_label("Filter").fill("spring")
        expect(rows).to_have_count(1)
        tab.shot("store")
        rows.get_by_role("checkbox").check()
        tab.page.get_by_role("button", name="Delete").click()
        tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(rows).to_have_count(0)
        tab.page.get_by_label("Filter").fill("")
        expect(rows).to_have_count(1)
        tab.page.reload()
        expect(rows).to_have_count(1, timeout=PATIENCE_MS)
    finally:
        server.stop()
