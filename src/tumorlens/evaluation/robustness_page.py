"""The page of a robustness report, from what robustness.json holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tumorlens.evaluation import html
from tumorlens.evaluation.corruptions import STRENGTHS
from tumorlens.evaluation.plots import Plot
from tumorlens.evaluation.robustness_pictures import WorstCase

MOST_UNREAD = 50
SURE = (
    "In parentheses the 95 % bootstrap interval, {drawn}. What is lost is measured on the same images, clean and "
    "corrupted."
)
PUBLISHED_FOUR = (
    "Published for a network of the same layers on the Sartaj collection, four classes: trained and tested on original "
    "images 75.1 %; trained on original, tested on degraded 73.4 %; trained on degraded, tested on original 74.4 %."
)


def robustness_page(
    report: Mapping[str, Any], plots: Sequence[Plot], rocs: Sequence[Plot], worst: Sequence[WorstCase]
) -> str:
    """HTML of the report."""
    found, data = report["results"], report["data"]
    note = SURE.format(drawn=_drawn(data, found))
    body = [
        html.tiles(_tiles(found)),
        html.section("In plain words", html.sentences(report["summary"])),
        _published(found, note),
        _combinations(report),
        html.section("Over the strength", html.plots(plots)) if plots else "",
        _families(found),
        html.section("ROC of each class", html.plots(rocs), note="Under the published degradations.") if rocs else "",
        _worst(found, worst),
        _meanings(found),
        _about(report),
    ]
    model = report["model"]
    lead = f"{model['title']}. Images: {data['description']}{_limited(data)}."
    heading = f"What image quality costs {model['name']}"
    return html.page(
        f"{model['name']}: robustness", heading, lead, [one for one in body if one], f"Model {model['id']}."
    )


def value_words(found: Mapping[str, Any], metric: str, digits: int = 1) -> str:
    """A figure as ``98.3 %`` or ``0.842``."""
    return f"{100 * found['value']:.{digits}f} %" if metric == "accuracy" else f"{found['value']:.{digits + 2}f}"


def with_interval(found: Mapping[str, Any], metric: str) -> str:
    """A figure with its interval, or a dash where it is undefined."""
    if found["value"] is None or found["low"] is None:
        return "–"
    if metric == "accuracy":
        return f"{100 * found['value']:.1f} ({100 * found['low']:.1f} to {100 * found['high']:.1f})"
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _tiles(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    metric, lost = found["metric"], "points lost" if found["metric"] == "accuracy" else "Dice lost"
    tiles = [(value_words(found["clean"], metric), "right, unchanged" if metric == "accuracy" else "Dice, unchanged")]
    if found["mean_corruption_score"] is not None:
        tiles.append((f"{found['mean_corruption_score']['value']:.3f}", "mean corruption score, 1 is unharmed"))
    by_name = {one["name"]: one for one in found["conditions"]}
    for name, words in (("blur15", "published blur"), ("down5", "published down-sampling")):
        if name in by_name:
            value = by_name[name]["lost"]["value"]
            tiles.append((f"{100 * value:.1f}" if metric == "accuracy" else f"{value:.3f}", f"{lost}, {words}"))
    return [*tiles, (f"{found['images']:,}", "images")]


def _published(found: Mapping[str, Any], note: str) -> str:
    rows = [one for one in found["conditions"] if one["strength"] == 0]
    if not rows:
        return ""
    metric = found["metric"]
    heads = ["", *(("Right, %", "Points lost") if metric == "accuracy" else ("Dice", "Dice lost")), "Share kept"]
    table = [["Unchanged", with_interval(found["clean"], metric), "", ""]]
    table += [
        [
            f"{one['name']}: {one['words']}",
            with_interval(one["value"], metric),
            with_interval(one["lost"], metric),
            with_interval(one["kept"], "share"),
        ]
        for one in rows
    ]
    more = " The strength on 512 px originals is what is left of the same loss after these are shrunk to this size."
    return html.section("Under the published degradations", html.table(heads, table), note=note + more)


def _combinations(report: Mapping[str, Any]) -> str:
    models = report["models"]
    if len(models) < 2:
        return ""
    names = list(models[0]["tested"])
    heads = ["Model", "Trained on", *(f"{'Original' if name == 'clean' else name}" for name in names)]
    metric = report["results"]["metric"]
    rows = [
        [one["id"], one["trained_on"], *(with_interval(one["tested"][name], metric) for name in names)]
        for one in models
    ]
    return html.section(
        "Trained and tested on original and on degraded images",
        html.table(heads, rows),
        note=f"Each row a model, each column the images that it was tested on. {PUBLISHED_FOUR}",
    )


def _families(found: Mapping[str, Any]) -> str:
    if not found["families"]:
        return ""
    metric = found["metric"]
    heads = ["Corruption", *(f"Strength {one}" for one in range(1, STRENGTHS + 1)), "Share kept, mean"]
    rows = []
    for family in sorted(found["families"], key=lambda one: one["kept"]["value"] or 0):
        values = {one["strength"]: one["value"] for one in found["conditions"] if one["family"] == family["name"]}
        cells = [value_words(values[one], metric) if one in values else "–" for one in range(1, STRENGTHS + 1)]
        rows.append([family["title"], *cells, with_interval(family["kept"], "share")])
    score = found["mean_corruption_score"]
    rows.append(["All, the mean corruption score", *([""] * STRENGTHS), with_interval(score, "share")])
    kind = "Share of right answers" if metric == "accuracy" else "Mean Dice"
    note = f"{kind}, what hurts most first. The share kept is the figure over that on the same images unchanged."
    return html.section("Each corruption", html.table(heads, rows, strong=[len(rows) - 1]), note=note)


def _worst(found: Mapping[str, Any], worst: Sequence[WorstCase]) -> str:
    if not worst:
        return ""
    note = "Left as it is, right corrupted; the case of each corruption that lost most, of strength 3 or below if any."
    if found["metric"] == "dice":
        note += " Amber is the true outline, green the answer."
    cards = [
        (
            (
                html.image(one.clean_png, f"{one.image} as it is, answered {one.before}"),
                html.image(one.corrupted_png, f"the same under {one.corruption}, answered {one.after}"),
            ),
            f"{one.truth}: {one.words}",
            f"Unchanged: {one.before}. Corrupted: {one.after}.",
            f"{one.corruption} {one.image}",
        )
        for one in worst
    ]
    wide = 'class="shots" style="grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr))"'
    return html.section("Worst cases", html.gallery(cards).replace('class="shots"', wide, 1), note=note)


def _meanings(found: Mapping[str, Any]) -> str:
    if not found["families"]:
        return ""
    pairs = [(one["title"], one["meaning"]) for one in found["families"]]
    return html.section("What the corruptions stand for", html.facts(pairs))


def _about(report: Mapping[str, Any]) -> str:
    data, model = report["data"], report["model"]
    pairs = [
        ("Model", f"{model['id']}, SHA-256 {model['sha256']}"),
        ("Images", data["description"] + _limited(data)),
        ("Drawn together", data["grouped_by"]),
        ("Seed", str(data["seed"])),
        ("Suite", ", ".join(data["suite"])),
    ]
    parts = [html.facts(pairs)]
    unread = data["unread"]
    if unread:
        rows = [[one["image"], one["corruption"], one["reason"]] for one in unread[:MOST_UNREAD]]
        parts.append(html.table(["Image not answered", "Under", "Why"], rows))
        if len(unread) > MOST_UNREAD:
            parts.append(f'<p class="soft small">And {len(unread) - MOST_UNREAD:,} more in robustness.json.</p>')
    return html.section("About this measurement", *parts)


def _limited(data: Mapping[str, Any]) -> str:
    return f", {data['limit']:,} of them drawn evenly from its classes" if data["limit"] is not None else ""


def _drawn(data: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    units = {"patient": "patients", "near-duplicate cluster": "clusters of near-duplicates", "image": "images"}
    return f"drawn from {found['groups']:,} {units.get(data['grouped_by'], data['grouped_by'])}"
