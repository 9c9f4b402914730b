"""``report.html``: the findings for people, with the pictures side by side; one file that needs no network."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np

from tumorlens._version import __version__
from tumorlens.audit.clusters import members
from tumorlens.audit.leaks import Overlap, strong
from tumorlens.audit.pairs import Kind, Pair
from tumorlens.audit.pictures import Pictures
from tumorlens.audit.run import Audit
from tumorlens.audit.tables import (
    collection_of,
    conflicting,
    name,
    place_of,
    summary,
    write_tables,
)
from tumorlens.io.atomic import write_atomic
from tumorlens.notice import NOTICE
from tumorlens.shell import html_document

EXAMPLES = 12
STRIP = 12
_CSS = Path(__file__).with_name("page.css")


def write_report(audit: Audit, folder: Path) -> None:
    """Write the tables, and then ``report.html``, whole or not at all.

    Raises:
        OutputError: a file cannot be written.
    """
    write_tables(audit, folder)
    write_atomic(folder / "report.html", page(audit).encode("utf-8"))


def headlines(audit: Audit) -> list[str]:
    """What was found, in plain sentences."""
    total = len(audit.listing)
    lines = [f"{total:,} images of '{audit.listing.name}', {len(audit.pairs):,} pairs of one or nearly one picture."]
    if audit.overlap is not None:
        lines += _overlap_lines(audit, audit.overlap, f"the part '{audit.listing.train}'", "test images")
    for other, one in zip(audit.others, audit.against, strict=True):
        lines += _overlap_lines(audit, one, f"the collection '{other.name}'", "images")
    lines += audit.sources.warnings
    surest = [pair for pair in audit.conflicts if strong(pair)]
    if audit.conflicts:
        lines.append(
            f"{len(audit.conflicts):,} pairs of one picture carry two different labels, {len(surest):,} of them surely "
            "the same picture."
        )
    if audit.labels.suspicions:
        both = sum(one.both for one in audit.labels.suspicions)
        lines.append(
            f"{len(audit.labels.suspicions):,} labels are doubted by a model that has not seen the image, {both:,} of "
            "them by its neighbors too."
        )
    if audit.oddities:
        lines.append(f"{len({one.row for one in audit.oddities}):,} images are odd: see the part on quality.")
    for facts in audit.fingerprints[-1:]:
        lines.append(
            f"Facts of the file and its border alone, without anatomy, name the class in {percent(facts.accuracy)} "
            f"(the largest class is {percent(facts.majority)})."
        )
    if audit.split is not None:
        lines.append(
            f"Leak-free split: {len(audit.split.train):,} train, {len(audit.split.validation):,} validation, "
            f"{len(audit.split.test):,} test, {len(audit.split.left_out):,} left out."
        )
    return lines


def _overlap_lines(audit: Audit, overlap: Overlap, of: str, what: str) -> list[str]:
    above = overlap.above
    extra = int(overlap.leaked.sum()) - overlap.leaked_by_thumbnail
    lines = [
        f"{above[0.999]:,} of {len(overlap.rows):,} {what} have an image in {of} whose thumbnail correlates above "
        "0.999, "
        f"{above[0.98]:,} above 0.98, {above[0.95]:,} above 0.95"
        + (f"; {extra:,} more are a turned, mirrored, cropped or otherwise transformed copy." if extra else ".")
    ]
    if not np.isnan(overlap.accuracy):
        clean = f", and {percent(overlap.accuracy_clean)} of those without one above 0.95"
        lines.append(
            f"The label of the nearest image there is right for {percent(overlap.accuracy)} of the {what}"
            + ("." if np.isnan(overlap.accuracy_clean) else clean + ".")
        )
    return lines


def percent(value: float) -> str:
    """``0.963`` as ``"96.3 %"``."""
    return f"{100 * value:.1f} %"


def page(audit: Audit) -> str:
    """The whole document."""
    pictures = Pictures([item.path for item in audit.items])
    sections = [
        ("overlap", "Training and test", _overlap_section(audit, pictures)),
        ("against", "Against other collections", _against_section(audit, pictures)),
        ("conflicts", "One picture, two labels", _conflict_section(audit, pictures)),
        ("copies", "Turned, mirrored and transformed copies", _copies_section(audit, pictures)),
        ("clusters", "Clusters", _cluster_section(audit, pictures)),
        ("labels", "Doubtful labels", _label_section(audit, pictures)),
        ("quality", "Odd images", _quality_section(audit, pictures)),
        ("classes", "Class balance", _balance_section(audit)),
        ("sources", "Classes and their sources", _source_section(audit)),
        ("fingerprints", "What the files give away", _fingerprint_section(audit)),
        ("method", "How this was measured", _method_section(audit)),
    ]
    shown = [(key, title, body) for key, title, body in sections if body]
    links = "".join(f'<a href="#{key}">{escape(title)}</a>' for key, title, _ in shown)
    body = "".join(f'<section id="{key}"><h2>{escape(title)}</h2>{text}</section>\n' for key, title, text in shown)
    lead = "".join(f"<li>{escape(line)}</li>" for line in headlines(audit)[1:])
    title = f"Audit of {audit.listing.name}"
    content = f"""<header>
<p class="brand">tumorlens audit</p>
<h1>{escape(title)}</h1>
<p class="notice"><strong>{NOTICE}</strong> Findings are leads for a person to judge, not verdicts.</p>
{_tiles(audit)}
<ul class="lead">{lead}</ul>
<nav aria-label="Parts of this page">{links}</nav>
</header>
<main>
{body}</main>
<footer>Made by tumorlens {__version__}. {NOTICE}</footer>"""
    return html_document(title, _CSS.read_text(encoding="utf-8"), content)


def _source_section(audit: Audit) -> str:
    found = audit.sources
    rows = [
        [label, ", ".join(f"{source} ({number:,})" for source, number in those.items())]
        for label, those in found.counts.items()
    ]
    if not rows:
        return ""
    said = "".join(f"<li>{escape(line)}</li>" for line in found.warnings)
    tie = "" if found.association is None else f"<p>Cramér's V of class and source: {found.association:.2f}.</p>"
    probes = [
        [f"the {one.asked}", percent(one.balanced_accuracy), percent(one.chance), f"{one.images:,}"]
        for one in found.probes
    ]
    asked = ["Background, border, histogram, frequencies tell", "Mean recall", "By chance", "Images"]
    table = _table(asked, probes) if probes else ""
    return f"<ul>{said}</ul>" * bool(said) + _table(["Class", "Sources it stands on"], rows) + tie + table


def _tiles(audit: Audit) -> str:
    tiles = [
        (f"{len(audit.listing):,}", "images"),
        (f"{len(audit.pairs):,}", "pairs of the same or nearly the same picture"),
    ]
    if audit.overlap is not None:
        tiles.append((f"{int(audit.overlap.leaked.sum()):,}", f"of {len(audit.overlap.rows):,} test images leak"))
    for other, one in zip(audit.others, audit.against, strict=True):
        tiles.append((f"{int(one.leaked.sum()):,}", f"images also stand in {other.name}"))
    tiles += [
        (f"{len(audit.conflicts):,}", "pairs with two labels"),
        (f"{sum(one.both for one in audit.labels.suspicions):,}", "labels doubted by model and neighbors"),
        (f"{len({one.row for one in audit.oddities}):,}", "odd images"),
    ]
    return (
        '<dl class="tiles">'
        + "".join(f"<div><dt>{escape(what)}</dt><dd>{value}</dd></div>" for value, what in tiles)
        + "</dl>"
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _figure(audit: Audit, pictures: Pictures, row: int) -> str:
    item = audit.items[row]
    details = " · ".join(escape(one) for one in (item.part, item.label) if one)
    where = f"{escape(collection_of(audit, row))}: " if audit.others else ""
    caption = f"<b>{details or 'no label'}</b><br>{where}{escape(Path(name(audit, row)).name)}"
    return f"<figure>{pictures.tag(row, name(audit, row))}<figcaption>{caption}</figcaption></figure>"


def _pair_card(audit: Audit, pictures: Pictures, pair: Pair) -> str:
    chips = [f'<span class="chip warn">{escape(str(pair.kind))}</span>']
    if conflicting(audit, pair):
        chips.append('<span class="chip bad">two labels</span>')
    values = f"correlation {pair.correlation:.3f}"
    if pair.kind in (Kind.TURNED, Kind.TRANSFORMED, Kind.ALIKE) or pair.aligned > pair.correlation + 0.001:
        values += f", {pair.aligned:.3f} once {escape(pair.transform)}"
    return (
        f'<div class="pair"><div class="two">{_figure(audit, pictures, pair.first)}'
        f'{_figure(audit, pictures, pair.second)}</div><p class="why">{" ".join(chips)}<br>{values}</p></div>'
    )


def _cards(audit: Audit, pictures: Pictures, pairs: Sequence[Pair]) -> str:
    """Examples spread evenly over the pairs, which come the closest first."""
    if not pairs:
        return ""
    places = np.unique(np.linspace(0, len(pairs) - 1, min(EXAMPLES, len(pairs))).astype(int)).tolist()
    return '<div class="cards">' + "".join(_pair_card(audit, pictures, pairs[one]) for one in places) + "</div>"


def _histogram(overlap: Overlap) -> str:
    edges = (-1.01, 0.7, 0.8, 0.9, 0.95, 0.98, 0.999, 1.01)
    names = ("up to 0.7", "0.7 to 0.8", "0.8 to 0.9", "0.9 to 0.95", "0.95 to 0.98", "0.98 to 0.999", "above 0.999")
    counts = np.array(
        [((overlap.correlation > low) & (overlap.correlation <= high)).sum() for low, high in itertools.pairwise(edges)]
    )
    top = max(1, int(counts.max()))
    rows = "".join(
        f'<span>{label}</span><i style="--share:{100 * count / top:.1f}%"></i><span>{count:,}</span>'
        for label, count in zip(names, counts.tolist(), strict=True)
    )
    return f'<div class="bars" role="img" aria-label="Images by correlation of their nearest image">{rows}</div>'


def _overlap_body(audit: Audit, overlap: Overlap, of: str, what: str) -> str:
    lines = "".join(f"<p>{escape(line)}</p>" for line in _overlap_lines(audit, overlap, of, what))
    return f"{lines}<h3>Correlation with the nearest image there</h3>{_histogram(overlap)}"


def _overlap_section(audit: Audit, pictures: Pictures) -> str:
    if audit.overlap is None:
        return ""
    across = [pair for pair in audit.pairs if place_of(audit, pair) == "across splits"]
    across.sort(key=lambda pair: -pair.aligned)
    examples = (
        f"<h3>Examples of {len(across):,} pairs across the two</h3>{_cards(audit, pictures, across)}" if across else ""
    )
    return _overlap_body(audit, audit.overlap, f"the part '{audit.listing.train}'", "test images") + examples


def _against_section(audit: Audit, pictures: Pictures) -> str:
    parts = []
    for number, (other, overlap) in enumerate(zip(audit.others, audit.against, strict=True)):
        between = [
            pair
            for pair in audit.pairs
            if {int(audit.source[pair.first]), int(audit.source[pair.second])} == {0, number + 1}
        ]
        between.sort(key=lambda pair: -pair.aligned)
        body = _overlap_body(audit, overlap, f"the collection '{other.name}'", "images")
        parts.append(f"<h3>{escape(other.name)}</h3>{body}{_cards(audit, pictures, between)}")
    return "".join(parts)


def _conflict_section(audit: Audit, pictures: Pictures) -> str:
    if not audit.conflicts:
        return ""
    text = (
        f"<p>{len(audit.conflicts):,} pairs. At least one label of each is wrong where the two are one picture; pairs "
        "with a correlation near 0.95 may be neighboring slices or two alike heads.</p>"
    )
    return text + _cards(audit, pictures, audit.conflicts)


def _copies_section(audit: Audit, pictures: Pictures) -> str:
    found = [pair for pair in audit.pairs if pair.kind in (Kind.TURNED, Kind.TRANSFORMED)]
    if not found:
        return ""
    found.sort(key=lambda pair: -pair.aligned)
    alike = sum(pair.kind == Kind.ALIKE for pair in audit.pairs)
    return (
        f"<p>{len(found):,} pairs that a plain comparison of thumbnails does not see. {alike:,} more are alike once "
        "aligned, at a correlation between 0.95 and 0.98: probably neighboring slices of one subject, and not counted "
        f"as leaks.</p>{_cards(audit, pictures, found)}"
    )


def _cluster_section(audit: Audit, pictures: Pictures) -> str:
    groups = members(audit.cluster)
    if not groups:
        return "<p>No two images show the same picture.</p>"
    numbers = summary(audit)
    strips = []
    for group in groups[:5]:
        shown = "".join(pictures.tag(int(row), name(audit, int(row))) for row in group[:STRIP])
        labels = ", ".join(sorted({audit.items[row].label or "no label" for row in group.tolist()}))
        strips.append(f'<h3>{len(group):,} images, {escape(labels)}</h3><div class="strip">{shown}</div>')
    return (
        f"<p>{len(groups):,} clusters of two or more images, {sum(len(group) for group in groups):,} images in them. "
        f"Images are joined through others: the ends of a cluster need not be alike. Beyond copies, "
        f"{numbers['presumed_subjects']:,} presumed subjects were told apart by likeness and file order; this is a "
        "guess, see clusters.csv and the documentation for how good it is.</p>"
        f"<h3>The largest</h3>{''.join(strips)}"
    )


def _label_section(audit: Audit, pictures: Pictures) -> str:
    if audit.labels.note:
        return f"<p>{escape(audit.labels.note)}</p>"
    cells = summary(audit)["labels"]["by_part_and_label"]
    totals: dict[tuple[str, str], int] = {}
    for item in audit.items[: len(audit.listing)]:
        totals[item.part or "all", item.label] = totals.get((item.part or "all", item.label), 0) + 1
    rows = []
    for (part, label), total in sorted(totals.items()):
        cell = cells.get(part, {}).get(label, {"model": 0, "model_and_neighbors": 0})
        both = cell["model_and_neighbors"]
        rows.append((f"{part} · {label}", f"{total:,}", f"{cell['model']:,}", f"{both:,}", percent(both / total)))
    header = ("part and label", "images", "doubted by the model", "and by neighbors", "share by both")
    shown = []
    for one in audit.labels.suspicions[: 2 * EXAMPLES]:
        figure = _figure(audit, pictures, one.row)
        why = f"rather {escape(one.suggested)}, {100 * one.suggested_probability:.0f}&nbsp;%"
        shown.append(f'<div class="pair">{figure}<p class="why"><span class="chip warn">{why}</span></p></div>')
    return (
        "<p>A logistic regression on thumbnails and gradients, cross-validated so that no cluster is divided, is right "
        f"on {percent(audit.labels.accuracy)} of the stated labels, the nearest images of other clusters on "
        f"{percent(audit.labels.neighbor_accuracy)}. They are plain judges: a doubt is a reason to look.</p>"
        f'{_table(header, rows)}<h3>The most doubtful</h3><div class="cards singles">{"".join(shown)}</div>'
    )


def _quality_section(audit: Audit, pictures: Pictures) -> str:
    if not audit.oddities:
        return "<p>Nothing unreadable, constant, tiny, unlike MRI or oddly oriented was found.</p>"
    numbers = summary(audit)["quality"]
    shown = []
    for kind, count in numbers.items():
        if not count:
            continue
        cards = [
            f'<div class="pair">{_figure(audit, pictures, one.row)}<p class="why">{escape(one.reason)}</p></div>'
            for one in [one for one in audit.oddities if one.kind == kind][:EXAMPLES]
        ]
        shown.append(f'<h3>{escape(kind)}: {count:,}</h3><div class="cards singles">{"".join(cards)}</div>')
    return (
        "<p>Plain rules on grey levels, size and color, not a learned judge (but for what the gate refuses, where one "
        f"is installed): an MRI slice on a white background is listed too.</p>{''.join(shown)}"
    )


def _balance_section(audit: Audit) -> str:
    balance = summary(audit)["classes"]
    labels = sorted({label for part in balance.values() for label in part})
    rows = []
    for part, counts in balance.items():
        total = sum(counts.values())
        rows.append(
            (part, *(f"{counts.get(one, 0):,} ({percent(counts.get(one, 0) / total)})" for one in labels), f"{total:,}")
        )
    return _table(("part", *labels, "all"), rows)


def _fingerprint_section(audit: Audit) -> str:
    if not audit.fingerprints:
        return ""
    rows = [
        (one.name, percent(one.accuracy), percent(one.balanced_accuracy), percent(one.majority))
        for one in audit.fingerprints
    ]
    text = (
        "<p>A tree of depth 4 that sees no anatomy, cross-validated by cluster. Well above the majority share means "
        "that a network can score by recognizing the source instead of the tumor.</p>"
    )
    trees = "".join(
        f"<details><summary>The tree on {escape(one.name)}</summary><pre>{escape(one.rules)}</pre></details>"
        for one in audit.fingerprints
    )
    header = ("facts", "accuracy", "balanced accuracy", "majority share")
    return text + _table(header, rows) + trees


def _method_section(audit: Audit) -> str:
    steps = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in audit.seconds.items())
    return (
        "<p>Correlation is that of 48 x 48 px grey thumbnails, mean removed, unit norm. Same bytes and same pixels are "
        "SHA-256. Near-exact is above 0.999, near-duplicate above 0.95. Turned or mirrored: above 0.95 after one of "
        "eight turns. Transformed copy: local features propose an alignment, and the aligned 128 px pictures correlate "
        "above 0.98 where they overlap (alike once aligned: above 0.95, which is no leak but joins clusters). A test "
        "image leaks if any of the others joins it with a training image.</p>"
        f'<p class="soft small">Time: {escape(steps)}.</p>'
    )
