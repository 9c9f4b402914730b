"""The page of a report, from the figures that metrics.json holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tumorlens.evaluation import html
from tumorlens.evaluation.pictures import Picture
from tumorlens.evaluation.plots import Plot
from tumorlens.evaluation.published import name_for_people
from tumorlens.evaluation.words import METRICS, figure, percent, title_of

MOST_UNREAD = 50
_WHOLE = (
    "accuracy",
    "balanced_accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "macro_auroc",
    "macro_auprc",
    "mcc",
    "kappa",
)
_OF_CLASS = {
    "precision": "Precision",
    "recall": "Sensitivity (recall)",
    "specificity": "Specificity",
    "f1": "F1",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "sensitivity_at_0.95": "Sensitivity at 95 % specificity",
}
_OUTLINE = ("dice", "iou", "surface_dice", "sensitivity", "precision", "hd95", "assd", "relative_area_error")
_BASELINES = {
    "majority": "Always the most frequent class",
    "nearest_neighbour": "Class of the most similar training image",
    "model": "This model",
}
_INTERVALS = "In parentheses the 95 % bootstrap interval"


def classification_page(
    report: Mapping[str, Any], plots: Sequence[Plot], errors: Sequence[Picture], usual: Sequence[Picture]
) -> str:
    """HTML of a classifier's report."""
    found = report["results"]
    whole, free = found["figures"]["all"], found["figures"]["leak_free"]
    accuracy, balanced = (whole["intervals"][name] for name in ("accuracy", "balanced_accuracy"))
    tiles = [(percent(accuracy["value"]), "right on all images")]
    if free is not None:
        own = free["intervals"]["accuracy"]["value"]
        tiles.append((percent(own), f"right on {free['images']:,} leak-free images"))
    tiles += [(percent(balanced["value"]), "balanced accuracy"), (f"{whole['images']:,}", "images")]
    body = [
        html.tiles(tiles),
        html.section("In plain words", html.sentences(report["summary"])),
        _published(report),
        html.section(
            "Figures",
            html.table(*_whole_table(found)),
            note=f"{_INTERVALS}, {drawn(report)}. {leak_note(report)}",
        ),
        html.section(
            "Against what needs no network",
            html.table(*_baseline_table(found), strong=[len(found["baselines"]) - 1]),
            note="A model is worth what it adds to these.",
        ),
        html.section("For each class", html.table(*_class_table(found)), note=f"{_INTERVALS}, on all images."),
        html.section("Plots", html.plots(plots)),
        _calibration(found),
        _sets(found),
        picture_section("Worst errors", "The wrong answers that it was surest of.", errors),
        picture_section(
            "Where it looked",
            "For each class the right answer of median confidence; bright places spoke for the answer. The map shows "
            "evidence for a class, and not an outline.",
            usual if any(one.map_png for one in usual) else (),
        ),
        *ending(report),
    ]
    return report_shell(report, body)


def segmentation_page(
    report: Mapping[str, Any], plots: Sequence[Plot], pictures: Mapping[str, Sequence[Picture]]
) -> str:
    """HTML of a segmenter's report."""
    found = report["results"]
    whole = found["figures"]["all"]
    dice, distance = whole["intervals"]["dice"], whole["intervals"]["hd95"]
    tiles = [(f"{dice['value']:.3f}", "mean Dice, 1 is perfect"), (f"{dice['median']:.3f}", "median Dice")]
    if distance is not None:
        tiles.append((f"{distance['median']:.1f} {found['unit']}", "median distance, 95th percentile"))
    tiles.append((f"{whole['images']:,}", "images"))
    parts = [("All images", whole)]
    if found["figures"]["leak_free"] is not None:
        parts.append(("Leak-free images", found["figures"]["leak_free"]))
    classes = [(title_of(name), one) for name, one in found["per_class"].items()]
    sizes = [(one["name"].capitalize(), one) for one in found["per_size"]]
    outlines = "Amber is the true outline, green the answer."
    body = [
        html.tiles(tiles),
        html.section("In plain words", html.sentences(report["summary"])),
        _published(report),
        html.section(
            "Figures",
            html.table(*_outline_table(parts, found)),
            note=f"Means over images. {_INTERVALS}, {drawn(report)}. {leak_note(report)}",
        ),
        html.section("For each class", html.table(*_outline_table(classes, found))),
        html.section(
            "By size of the lesion",
            html.table(*_outline_table(sizes, found)),
            note="Thirds of the lesions by the area of the true mask.",
        ),
        html.section("Plots", html.plots(plots)),
        _fold_section(found),
        _area(found),
        picture_section("Worst outlines", outlines, pictures["worst"]),
        picture_section("Usual outlines", f"From the middle of all images by Dice. {outlines}", pictures["typical"]),
        _empty(found),
        *ending(report),
    ]
    return report_shell(report, body)


def report_shell(report: Mapping[str, Any], body: Sequence[str]) -> str:
    """The whole page: sections under a heading that names model and images."""
    model, data = report["model"], report["data"]
    degraded = f", each degraded with {data['degrade']}" if data["degrade"] else ""
    lead = f"{model['title']}. Evaluated on: {data['description']}{degraded}."
    heading = f"What {model['name']} gets right"
    foot = f"Model {model['id']}."
    return html.page(f"{model['name']}: evaluation", heading, lead, [one for one in body if one], foot)


def _whole_table(found: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    free, folds = found["figures"]["leak_free"], found["folds"]
    heads = ["", f"All {found['figures']['all']['images']:,} images"]
    heads += [] if free is None else [f"{free['images']:,} leak-free images"]
    heads += [] if folds is None else [f"{folds['count']} folds, mean ± SD"]
    rows = []
    for name in _WHOLE:
        share = name in ("accuracy", "balanced_accuracy")
        row = [METRICS[name], figure(found["figures"]["all"]["intervals"][name], share=share)]
        row += [] if free is None else [figure(free["intervals"][name], share=share)]
        if folds is not None:
            one = folds["figures"].get(name)
            scale, digits, unit = (100, 1, " %") if share else (1, 3, "")
            row.append(f"{scale * one['mean']:.{digits}f} ± {scale * one['std']:.{digits}f}{unit}" if one else "–")
        rows.append(row)
    return heads, rows


def _baseline_table(found: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    free = found["figures"]["leak_free"] is not None
    heads = ["", "Accuracy", "Balanced accuracy", *(["Accuracy, leak-free images"] if free else [])]
    rows = [
        [
            _BASELINES[one["name"]],
            figure(one["accuracy"], share=True),
            percent(one["balanced_accuracy"]),
            *([figure(one["accuracy_leak_free"], share=True)] if free else []),
        ]
        for one in found["baselines"]
    ]
    return heads, rows


def _class_table(found: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    whole = found["figures"]["all"]
    heads = ["", *(f"{title_of(name)} ({whole['counts'][name]:,})" for name in found["classes"])]
    rows = [
        [words, *(figure(whole["intervals"][f"{key}_{name}"]) for name in found["classes"])]
        for key, words in _OF_CLASS.items()
    ]
    free = found["figures"]["leak_free"]
    if free is not None and free["images"] < whole["images"]:
        cells = [figure(free["intervals"][f"recall_{name}"]) for name in found["classes"]]
        rows.append(["Leak-free images", *(f"{free['counts'][name]:,}" for name in found["classes"])])
        rows.append(["Sensitivity on these", *cells])
    return heads, rows


def _outline_table(
    parts: Sequence[tuple[str, Mapping[str, Any]]], found: Mapping[str, Any]
) -> tuple[list[str], list[list[str]]]:
    heads = ["", *(f"{name} ({one['images']:,})" for name, one in parts)]
    rows = []
    for key in _OUTLINE:
        unit = f", {found['unit']}" if key in ("hd95", "assd") else ""
        words = METRICS[key] + (f" at {found['tolerance']:g} {found['unit']}" if key == "surface_dice" else unit)
        digits = 1 if key in ("hd95", "assd") else 3
        rows.append([words, *(figure(one["intervals"][key], digits) for _, one in parts)])
    median = [f"{one['intervals']['dice']['median']:.3f}" if one["intervals"]["dice"] else "–" for _, one in parts]
    rows.insert(1, ["Dice, median", *median])
    return heads, rows


def _fold_section(found: Mapping[str, Any]) -> str:
    folds = found["folds"]
    if folds is None:
        return ""
    dice = folds["figures"]["dice"]
    heads = ["", *(f"Fold {number} ({count:,})" for number, count in enumerate(folds["images"], 1)), "Mean ± SD"]
    row = ["Dice", *(f"{one:.3f}" for one in dice["values"]), f"{dice['mean']:.3f} ± {dice['std']:.3f}"]
    return html.section("Over folds of whole groups", html.table(heads, [row]), note=FOLD_NOTE)


FOLD_NOTE = (
    "The evaluated images are divided into folds, whole groups at a time; the model is not trained again, so this "
    "shows how far the figure depends on which images are asked."
)


def _calibration(found: Mapping[str, Any]) -> str:
    given = found["calibration"]
    if given is None:
        return ""
    names = {
        "ece": "Expected calibration error",
        "adaptive_ece": "the same, bins of equally many images",
        "brier": "Brier score",
        "nll": "Negative log likelihood",
    }
    rows = [[words, f"{given['before'][key]:.4f}", f"{given['after'][key]:.4f}"] for key, words in names.items()]
    heads = ["", "Without temperature", f"As answered (temperature {given['temperature']:.3g})"]
    return html.section(
        "Can its probabilities be believed?",
        html.table(heads, rows),
        note=f"Lower is better; {given['bins']} bins.",
    )


def _sets(found: Mapping[str, Any]) -> str:
    sets = found["sets"]
    if sets is None:
        return ""
    rows = [["All images", figure(sets["coverage"], share=True), f"{sets['mean_size']:.2f}"]]
    for name, one in sets["per_class"].items():
        covered = "–" if one["coverage"] is None else percent(one["coverage"])
        size = "–" if one["mean_size"] is None else f"{one['mean_size']:.2f}"
        rows.append([f"{title_of(name)} ({one['images']:,})", covered, size])
    single = "" if sets["single_accuracy"] is None else f", and these are right for {percent(sets['single_accuracy'])}"
    return html.section(
        "Prediction sets",
        html.table(["", "Set holds the true class", "Classes in the set, mean"], rows, strong=[0]),
        note=f"Made to hold the true class for {percent(sets['stated'], 0)} of images, fitted on {sets['fitted_on']}. "
        f"{percent(sets['single'])} of the images have a single class in their set{single}.",
    )


def _area(found: Mapping[str, Any]) -> str:
    area = found["area_interval"]
    if area is None:
        return ""
    note = (
        f"The true area is stated to lie between {area['low']:.2f} and {area['high']:.2f} times the measured one for "
        f"{percent(area['stated'], 0)} of outlined images; here it does for {figure(area['coverage'], share=True)}."
    )
    return html.section("Interval of the area", note=note)


def _empty(found: Mapping[str, Any]) -> str:
    words = {
        "neither": "Tumor there, outline drawn",
        "prediction": "Tumor there, no outline: Dice 0, no distance",
        "truth": "No tumor, outline drawn: Dice 0, no distance",
        "both": "No tumor, no outline: Dice 1",
    }
    rows = [[text, f"{found['empty'].get(key, 0):,}"] for key, text in words.items()]
    note = "A distance to an outline that is not there is infinite: such images are left out of means of distances."
    return html.section("Empty masks", html.table(["", "Images"], rows), note=note)


def _published(report: Mapping[str, Any]) -> str:
    rows = report["published"]
    if not rows:
        return ""
    cells = [[name_for_people(one["name"]), f"{one['published']:.4f}", figure(one["ours"], 4)] for one in rows]
    return html.section(
        "Published beside ours",
        html.table(["", "Published", "Ours"], cells),
        note="A published figure is as its authors state it, on their images; ours of training and validation are of "
        "the best epoch. A dash says that ours has no such figure.",
    )


def picture_section(heading: str, note: str, pictures: Sequence[Picture]) -> str:
    """Cards of pictures under a heading; nothing where there are none."""
    if not pictures:
        return ""
    cards = []
    for one in pictures:
        images = [html.image(one.png, f"{one.truth}, answered {one.answer}")]
        if one.map_png is not None:
            images.append(html.image(one.map_png, "the same with what spoke for the answer"))
        cards.append((images, one.truth, one.answer, one.image))
    return html.section(heading, html.gallery(cards), note=note)


def drawn(report: Mapping[str, Any]) -> str:
    """By what the bootstrap draws, in words."""
    grouped = report["data"]["grouped_by"]
    groups = report["results"]["figures"]["all"]["groups"]
    return "drawn by image" if grouped == "image" else f"drawn by {grouped} ({groups:,} of them)"


def leak_note(report: Mapping[str, Any]) -> str:
    """What leak-free means, in a sentence or two."""
    folds = f" {FOLD_NOTE}" if report["results"]["folds"] is not None else ""
    if not report["data"]["reference_known"]:
        return f"Which images are leak-free is unknown.{folds}"
    return (
        f"Leak-free: no training image's thumbnail correlates above {report['data']['near_duplicate']} with it.{folds}"
    )


def ending(report: Mapping[str, Any]) -> list[str]:
    """How it was measured, and what could not be."""
    data, model = report["data"], report["model"]
    pairs = [
        ("Images", f"{report['results']['figures']['all']['images']:,}: {data['description']}"),
        ("Compared for likeness with", data["reference"]),
        ("Drawn together", {"image": "nothing: each image for itself"}.get(data["grouped_by"], data["grouped_by"])),
        ("Model", model["id"]),
        ("sha256 of the model", model["sha256"]),
        ("Learned from", f"{model['images']:,} images of {model['collection']}, split {model['split']}"),
        ("Limits", " ".join(model["limits"]) or "none stated"),
    ]
    if data["seconds"] is not None:
        pairs.insert(1, ("Time to answer", f"{data['seconds']:.1f} s, reading included"))
    parts = [html.section("How this was measured", html.facts(pairs))]
    if data["unread"]:
        rows = [[one["path"], one["reason"]] for one in data["unread"][:MOST_UNREAD]]
        more = len(data["unread"]) - len(rows)
        note = "They are in no figure." + (f" {more:,} more stand in metrics.json." if more else "")
        heading = f"{len(data['unread']):,} files could not be evaluated"
        parts.append(html.section(heading, html.table(["File", "Reason"], rows), note=note))
    return parts
