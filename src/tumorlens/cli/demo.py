"""``tumorlens demo``: four head phantoms through the whole path, and one page that says how it went."""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorlens.errors import OutputError
from tumorlens.request import AnalysisRequest

if TYPE_CHECKING:
    from tumorlens.cli._demo_compare import Comparison
    from tumorlens.cli._demo_pictures import Pictures
    from tumorlens.inference import Analysis, Analyzer
    from tumorlens.phantoms import Phantom

PAGE = "index.html"
MARK = b'<meta name="generator" content="tumorlens demo">'
NAMES = ("phantom-glioma.png", "phantom-meningioma.png", "phantom-pituitary.png", "phantom-no-tumor.png")
OUTPUTS = (".json", ".overlay.png", ".mask.png")


@dataclass(frozen=True, eq=False)
class Case:
    """One phantom with its answer; ``name`` is that of its PNG file."""

    name: str
    phantom: Phantom
    analysis: Analysis
    comparison: Comparison
    pictures: Pictures


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write to.")] = Path("tumorlens-demo"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write into a folder that holds other files.")] = False,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = False,
) -> None:
    """Analyze four made head phantoms, and write a page that measures the answers against the truth.

    The phantoms are drawn, no patients: their tumors have exactly known outlines.

    Example: tumorlens demo --open
    """
    from tumorlens.cli._demo_page import render_page
    from tumorlens.inference import Analyzer
    from tumorlens.io import write_atomic

    started = time.perf_counter()
    analyzer = Analyzer()
    loading_s = time.perf_counter() - started
    prepare_folder(out, overwrite)
    cases = make_cases(out, analyzer)
    page = out / PAGE
    write_atomic(page, render_page(cases, analyzer.manifests, loading_s).encode())
    _print_answers(cases, page)
    if open_page:
        _open(page)


def prepare_folder(folder: Path, overwrite: bool = False) -> None:
    """Make the folder, or see to it that nothing but an earlier demo's files will be replaced.

    Raises:
        OutputError: it is a file, cannot be made, or holds other files and ``overwrite`` is not set.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = {one.name for one in folder.iterdir()}
        page = folder / PAGE
        earlier = PAGE in held and page.is_file() and MARK in page.read_bytes()[:4096]
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(f"'{folder}' is not a folder, or lies in a file: name a folder with --out.") from error
    except OSError as error:
        denied = error.errno in (errno.EACCES, errno.EPERM)
        reason = "permission denied" if denied else error.strerror or type(error).__name__
        raise OutputError(f"The folder '{folder}' cannot be used, {reason}: name another with --out.") from error
    # A demo that was cut off has left its own files, and no page yet.
    own = {name + ending for name in NAMES for ending in ("", *OUTPUTS)}
    if not (overwrite or earlier or held <= own):
        raise OutputError(
            f"The folder '{folder}' holds files that are not of a demo: pass --overwrite, or another folder with --out."
        )


def make_cases(folder: Path, analyzer: Analyzer) -> list[Case]:
    """Write the phantoms to a folder, analyze these files at their true spacing, and write what was found.

    Raises:
        OutputError: a file cannot be written.
    """
    import numpy as np

    from tumorlens.cli._demo_compare import compare
    from tumorlens.cli._demo_pictures import draw_pictures
    from tumorlens.io import encode_png, write_atomic
    from tumorlens.phantoms import demo_phantoms

    cases = []
    for name, phantom in zip(NAMES, demo_phantoms(), strict=True):
        path = folder / name
        write_atomic(path, encode_png(np.rint(phantom.pixels).astype(np.uint8)))
        analysis = analyzer.analyze(path, AnalysisRequest(phantom.spacing_mm))
        case = Case(name, phantom, analysis, compare(phantom, analysis), draw_pictures(phantom, analysis))
        _write_answer(path, case)
        cases.append(case)
    return cases


def _write_answer(path: Path, case: Case) -> None:
    from tumorlens.io import mask_png, write_atomic

    json, overlay, mask = (path.with_name(path.name + ending) for ending in OUTPUTS)
    write_atomic(json, f"{case.analysis.to_json(indent=2)}\n".encode())
    write_atomic(overlay, case.pictures.overlay)
    if case.analysis.mask is not None:
        write_atomic(mask, mask_png(case.analysis.mask))
        return
    try:
        mask.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"The mask '{mask}' of an earlier demo cannot be removed: remove it yourself.") from error


def _print_answers(cases: list[Case], page: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tumorlens.cli._demo_compare import answer_of, percent
    from tumorlens.notice import NOTICE

    title = "Four head phantoms: drawn, no patients"
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), title=title, title_justify="left")
    for name in ("Phantom", "Answer"):
        table.add_column(name, no_wrap=True)
    for name in ("Confidence", "True mm²", "Measured mm²", "Dice"):
        table.add_column(name, justify="right", no_wrap=True)
    for case in cases:
        right = case.analysis.label == case.phantom.label
        answer = Text(answer_of(case.analysis), "" if right else "red")
        area = case.comparison.measures[0] if case.comparison.measures else None
        areas = (None, None) if area is None else (area.true, area.measured)
        table.add_row(
            _short(case.phantom.label),
            answer if right else answer + Text(" (wrong)", "red"),
            percent(None if case.analysis.is_unlike else case.analysis.confidence),
            *(f"{one:.0f}" if one is not None else "none" for one in areas),
            f"{case.comparison.dice:.2f}" if case.comparison.dice is not None else "-",
        )
    console = Console()
    console.print(table)
    for sentence in dict.fromkeys(one for case in cases for one in (case.analysis.trust, case.analysis.looked_for)):
        if sentence is not None:
            console.print(Text(sentence), soft_wrap=True)
    console.print(Text(f"The page with pictures and measurements: {page}"), soft_wrap=True)
    console.print(Text(NOTICE), style="dim")
    hint = "\nNow your own scan (--spacing ROW,COL gives millimeters where the file states none):"
    console.print(Text(hint), soft_wrap=True)
    console.print(Text("  tumorlens analyze your-scan.png --out results"), style="bold", soft_wrap=True)


def _short(label: str) -> str:
    return label.replace("_", " ")


def _open(page: Path) -> None:
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        typer.echo(f"No browser could be started: open '{page}' yourself.", err=True)
