"""The page of a study: bars and a table, in one file without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from tumorlens.notice import NOTICE
from tumorlens.shell import html_document

if TYPE_CHECKING:
    from tumorlens.training.study import Row

STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d9dde3, #343a43); --bar: light-dark(#2f6f9f, #6fb3e0);
  --mark: light-dark(#b3541e, #f0a060); --quiet: light-dark(#5a6472, #9aa5b4); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
  background: light-dark(#fff, #14171b); color: light-dark(#1b2027, #e6e9ee); }
h1 { font-size: 1.5rem; margin-bottom: 0; } p { color: var(--quiet); margin-top: .25rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:nth-child(2), td:nth-child(2), th:nth-child(3), td:nth-child(3) { text-align: left; }
th { font-weight: 600; color: var(--quiet); } a { color: inherit; text-underline-offset: .2em; }
.error { color: var(--mark); white-space: normal; text-align: left; }
svg { width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
"""
BAR, GAP, LEFT, WIDTH = 14, 8, 330, 1000


def study_page(title: str, figure: str, rows: Sequence[Row]) -> str:
    """HTML with a bar for every finished row, the published figure as a mark on it, and the table."""
    from tumorlens.training.study import used_columns

    names = used_columns(rows)
    published = sorted({key for row in rows for key in row.published})
    head = ["", "recipe", "tested on", *map(_named, names), *(f"published {_named(key)}" for key in published)]
    body = "".join(_line(rank, row, names, published) for rank, row in enumerate(rows, start=1))
    content = (
        f"<h1>{escape(title)}</h1><p>{escape(NOTICE)} Ranked by {figure} on the test images; the mark on a bar is the "
        f"published figure.</p>{_bars(figure, rows)}"
        f'<div class="scroll"><table><tr>{"".join(f"<th>{escape(one)}</th>" for one in head)}</tr>{body}</table></div>'
    )
    return html_document(title, STYLE, content)


def _line(rank: int, row: Row, names: Sequence[str], published: Sequence[str]) -> str:
    if row.error:
        return (
            f"<tr><td></td><td>{escape(row.recipe)}</td><td></td>"
            f'<td class="error" colspan="{len(names) + len(published)}">{escape(row.error)}</td></tr>'
        )
    cells = [str(rank), f'<a href="{escape(_report(row))}">{escape(row.recipe)}</a>', escape(_tested(row))]
    cells += [_number(row.figures, name) for name in names] + [_number(row.published, key) for key in published]
    return f"<tr>{''.join(f'<td>{one}</td>' for one in cells)}</tr>"


def _bars(figure: str, rows: Sequence[Row]) -> str:
    shown = [row for row in rows if figure in row.figures]
    if not shown:
        return ""
    scale = WIDTH - LEFT - 60
    parts = []
    for index, row in enumerate(shown):
        top, value = index * (BAR + GAP), row.figures[figure]
        name = row.recipe if row.tested_on == "none" else f"{row.recipe} on {row.tested_on}"
        parts.append(
            f'<text x="{LEFT - 8}" y="{top + 11}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{LEFT}" y="{top}" width="{value * scale:.1f}" height="{BAR}" fill="var(--bar)"/>'
            f'<text x="{LEFT + value * scale + 6:.1f}" y="{top + 11}">{value:.3f}</text>'
        )
        if (known := row.published.get(figure)) is not None:
            at = LEFT + known * scale
            parts.append(f'<path d="M{at:.1f} {top - 2}v{BAR + 4}" stroke="var(--mark)" stroke-width="3"/>')
    height = len(shown) * (BAR + GAP)
    label = f'viewBox="0 -4 {WIDTH} {height + 4}" role="img" aria-label="{escape(figure)} of each run"'
    return f"<svg {label}>{''.join(parts)}</svg>"


def _report(row: Row) -> str:
    return f"{row.recipe}/report.html" if row.tested_on == "none" else f"{row.recipe}/on-{row.tested_on}/report.html"


def _tested(row: Row) -> str:
    return "original" if row.tested_on == "none" else row.tested_on


def _named(figure: str) -> str:
    return figure.replace("_", " ")


def _number(values: object, key: str) -> str:
    value = values.get(key) if hasattr(values, "get") else None
    if value is None:
        return ""
    return f"{value:.0f}" if key in ("images", "epochs", "seconds") else f"{value:.4f}"
