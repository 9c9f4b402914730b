"""Building blocks of the pages: text is escaped here and nowhere else."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from importlib import resources
from string import Template

from tumorlens._version import __version__
from tumorlens.evaluation.plots import Plot
from tumorlens.notice import NOTICE
from tumorlens.shell import html_document, page_style

TEMPLATE = "report_page.html"
STYLE = "report_page.css"


def page(title: str, heading: str, lead: str, body: Sequence[str], foot: str = "") -> str:
    """A whole page without scripts or requests.

    Args:
        title: of the window, plain text.
        heading: plain text.
        lead: plain text below the heading.
        body: sections, HTML.
        foot: plain text at the end.
    """
    made = Template(resources.files("tumorlens.evaluation").joinpath(TEMPLATE).read_text(encoding="utf-8")).substitute(
        heading=escape(heading),
        lead=escape(lead),
        notice=escape(NOTICE),
        body="\n".join(body),
        foot=escape(foot),
        version=escape(__version__),
    )
    style = page_style("tumorlens.evaluation", STYLE)
    return html_document(title, style, made.replace(" %", "\N{NO-BREAK SPACE}%"))


def section(heading: str, *parts: str, note: str = "", name: str = "") -> str:
    """A section: heading and note are plain text, parts are HTML."""
    words = f'<p class="soft">{escape(note)}</p>' if note else ""
    anchor = f' id="{escape(name)}"' if name else ""
    return f"<section{anchor}>\n<h2>{escape(heading)}</h2>\n{words}\n" + "\n".join(parts) + "\n</section>"


def tiles(pairs: Sequence[tuple[str, str]]) -> str:
    """Large figures with their names, each ``(value, name)``, plain text."""
    inner = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for value, name in pairs)
    return f'<dl class="card tiles">{inner}</dl>'


def sentences(lines: Sequence[str]) -> str:
    """A list of sentences, plain text; the first stands out."""
    inner = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<ul class="card says">{inner}</ul>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], strong: Sequence[int] = ()) -> str:
    """A table of plain text whose first column names the row; rows with a number in ``strong`` stand out."""
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    lines = []
    for number, row in enumerate(rows):
        kind = ' class="strong"' if number in strong else ""
        cells = "".join(f"<td>{escape(one)}</td>" for one in row[1:])
        lines.append(f'<tr{kind}><th scope="row">{escape(row[0])}</th>{cells}</tr>')
    return (
        f'<div class="card scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Names with what they are, plain text."""
    inner = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs)
    return f'<dl class="card facts">{inner}</dl>'


def plots(drawn: Sequence[Plot]) -> str:
    """Plots beside each other."""
    inner = "".join(
        f'<figure class="card"><h3>{escape(one.title)}</h3>{one.svg}'
        f"<figcaption>{escape(one.caption)}</figcaption></figure>"
        for one in drawn
    )
    return f'<div class="plots">{inner}</div>'


def image(png: bytes, words: str) -> str:
    """A picture inside the page, with its description in plain text."""
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def gallery(cards: Sequence[tuple[Sequence[str], str, str, str]]) -> str:
    """Cards of ``(images as HTML, truth, answer, id)``, the last three plain text."""
    inner = "".join(
        f'<figure class="card shot"><div class="pair">{"".join(images)}</div><figcaption><b>{escape(truth)}</b>'
        f"<span>{escape(answer)}</span><code>{escape(name)}</code></figcaption></figure>"
        for images, truth, answer, name in cards
    )
    return f'<div class="shots">{inner}</div>'
