"""The shell of every page that is written to a file: one HTML document that asks for nothing outside itself."""

from __future__ import annotations

from html import escape
from importlib import resources

_STYLE = "page.css"


def page_style(package: str, name: str) -> str:
    """The CSS that pages have in common (colors, type, cards, tables), and after it a file of the page's own."""
    files = (resources.files("tumorlens").joinpath(_STYLE), resources.files(package).joinpath(name))
    return "".join(one.read_text(encoding="utf-8") for one in files)


def html_document(
    title: str,
    style: str,
    body: str,
    *,
    scripts: bool = False,
    scheme: str = "light dark",
    generator: str = "tumorlens",
) -> str:
    """A whole document.

    Args:
        title: of the window, plain text.
        style: all CSS of the page.
        body: HTML.
        scripts: whether scripts inside the page may run; those from elsewhere never do.
        generator: who made the page; a command finds its own pages again by it.
        scheme: color schemes that the CSS knows, as in ``<meta name="color-scheme">``.
    """
    allowed = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    if scripts:
        allowed += "; script-src 'unsafe-inline'"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="{generator}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="{scheme}">
<meta http-equiv="Content-Security-Policy" content="{allowed}">
<title>{escape(title)}</title>
<style>
{style.strip()}
</style>
</head>
<body>
{body.strip()}
</body>
</html>
"""
