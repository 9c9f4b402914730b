"""The model card (Mitchell et al., Model Cards for Model Reporting, FAT* 2019), from an evaluation and a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tumorlens.datasets.catalogue import CATALOGUE
from tumorlens.evaluation.detection import FIGURES
from tumorlens.evaluation.words import METRICS, figure, percent, title_of
from tumorlens.inference.manifest import Manifest
from tumorlens.notice import NOTICE

_WHOLE = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc", "mcc", "kappa")
_OF_CLASS = ("precision", "recall", "f1", "auroc")
_OUTLINE = ("dice", "iou", "hd95", "surface_dice", "sensitivity", "relative_area_error")


def model_card_from(report: Mapping[str, Any] | None, manifest: Manifest, command: str | None = None) -> str:
    """Markdown card of a model.

    Args:
        report: what an evaluation's metrics.json holds; ``None`` leaves the figures that the manifest carries.
        manifest: the model's.
        command: the command that makes the model again, or ``None``.
    """
    lines = [
        f"# {manifest.name} {manifest.version}",
        "",
        f"{manifest.title}. **{NOTICE}**",
        "",
        *_facts(manifest),
        "",
        "## Data",
        "",
        _data(manifest),
        "",
        "## Figures",
        "",
        *(_manifest_figures(manifest) if report is None else _figures(report)),
        "",
        _chosen(manifest),
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in manifest.limits or ("None stated.",)),
    ]
    if command is not None:
        training = manifest.training
        made = f"seed {training.seed}, {training.epochs} epochs, commit `{training.commit}`"
        lines += ["", "## Recipe", "", f"`{command}` ({made})."]
    return "\n".join([*lines, ""])


def _facts(manifest: Manifest) -> list[str]:
    steps = manifest.preprocessing
    return [
        f"- Task: {manifest.task}" + (f" into {', '.join(manifest.classes)}" if manifest.classes else " of the tumor"),
        f"- Input: {steps.size[0]} x {steps.size[1]} px, {steps.channels} channel{'s' if steps.channels > 1 else ''}, "
        f"crop {steps.crop}, {steps.fit}",
        f"- Licence of the weights: {manifest.licence}; sha256 `{manifest.sha256}`",
        f"- Largest difference of probabilities between torch and ONNX Runtime: {manifest.parity:.1e}",
    ]


def _data(manifest: Manifest) -> str:
    training = manifest.training
    entry = CATALOGUE.get(training.collection)
    source = training.collection if entry is None else f"{entry.title} ({entry.licence}): {entry.citation}"
    phantoms = (
        f", with {training.phantoms:,} made head phantoms of known geometry among them so that the demo's phantoms are "
        "not foreign to it"
        if training.phantoms
        else ""
    )
    return (
        f"{source}. {training.images:,} images trained it{phantoms}. Split `{training.split}` (sha256 "
        f"`{training.split_sha256[:12]}`). Pretrained weights: {training.pretrained}."
    )


def _manifest_figures(manifest: Manifest) -> list[str]:
    rows = [
        [one.name, f"{one.value:.4f}", f"{one.low:.4f} to {one.high:.4f}", str(one.images), one.data]
        for one in manifest.metrics
    ]
    return _table(["figure", "value", "95 % interval", "images", "measured on"], rows)


def _figures(report: Mapping[str, Any]) -> list[str]:
    found, data = report["results"], report["data"]
    degraded = f", degraded with {data['degrade']}" if data["degrade"] else ""
    lines = [
        f"Measured on the {data['description']}{degraded}. In parentheses the 95 % bootstrap interval"
        + ("" if data["grouped_by"] == "image" else f", drawn by {data['grouped_by']}")
        + ".",
        "",
        *(f"- {sentence}" for sentence in report["summary"]),
        "",
    ]
    if report["kind"] == "segmentation":
        return lines + _outline_figures(found)
    if report["kind"] == "reading":
        return lines + _reading_figures(found)
    return lines + _class_figures(found)


def _reading_figures(found: Mapping[str, Any]) -> list[str]:
    parts = [("all", found["figures"]["all"]), ("leak-free", found["figures"]["leak_free"])]
    parts += [(one["name"], one) for one in found["parts"]]
    heads = ["slices", "with", "without", *FIGURES.values()]
    rows = [
        [
            name,
            f"{one['with_tumor']:,}",
            f"{one['without_tumor']:,}",
            *(figure(one["intervals"][key]) for key in FIGURES),
        ]
        for name, one in parts
        if one is not None
    ]
    return _table(heads, rows)


def _class_figures(found: Mapping[str, Any]) -> list[str]:
    parts = [("all images", found["figures"]["all"]), ("leak-free images", found["figures"]["leak_free"])]
    there = [(name, one) for name, one in parts if one is not None]
    whole = found["figures"]["all"]["intervals"]
    rows = [[METRICS[name], *(figure(one["intervals"][name]) for _, one in there)] for name in _WHOLE]
    lines = _table(["figure", *(f"{name} ({one['images']:,})" for name, one in there)], rows)
    heads = ["class", *(METRICS.get(name, name.upper() if name != "recall" else "Recall") for name in _OF_CLASS)]
    rows = [[title_of(name), *(figure(whole[f"{key}_{name}"]) for key in _OF_CLASS)] for name in found["classes"]]
    lines += ["", *_table(heads, rows), ""]
    names = {"majority": "always the most frequent class", "nearest_neighbour": "most similar training image"}
    for one in found["baselines"]:
        if one["name"] in names:
            lines.append(f"- Baseline, {names[one['name']]}: accuracy {figure(one['accuracy'], share=True)}")
    if found["calibration"] is not None:
        before, after = found["calibration"]["before"]["ece"], found["calibration"]["after"]["ece"]
        lines.append(f"- Expected calibration error: {percent(after)}; without the temperature {percent(before)}")
    if found["sets"] is not None:
        sets = found["sets"]
        stated = percent(sets["stated"], 0)
        lines.append(f"- Prediction sets stated to hold the truth for {stated}: {figure(sets['coverage'], share=True)}")
    return lines


def _outline_figures(found: Mapping[str, Any]) -> list[str]:
    parts = [("all images", found["figures"]["all"])]
    parts += [(title_of(name), one) for name, one in found["per_class"].items()]
    rows = []
    for name in _OUTLINE:
        digits = 1 if name == "hd95" else 3
        unit = f", {found['unit']}" if name == "hd95" else ""
        rows.append([f"{METRICS[name]}{unit}", *(figure(one["intervals"][name], digits) for _, one in parts)])
    return _table(["figure", *(f"{name} ({one['images']:,})" for name, one in parts)], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _chosen(manifest: Manifest) -> str:
    averaged = " Probabilities are averaged over the image and its mirror image." if manifest.flip_average else ""
    if manifest.task == "classification":
        return f"The validation part chose the checkpoint and the temperature {manifest.temperature:.3f}.{averaged}"
    if manifest.reading is not None:
        rules = manifest.reading
        elsewhere = (
            f" Outlines of {', '.join(rules.segmented)} are the mean of its own and the segmenter's."
            if rules.segmented
            else ""
        )
        return (
            f"No epoch was chosen. Chosen on {rules.fitted_on}: a tumor from a probability of "
            f"{rules.tumor_threshold:.2f}, in doubt from {rules.doubt[0]:.2f} to {rules.doubt[1]:.2f}, a kind from "
            f"{rules.kind_threshold:.2f}, a pixel from {rules.mask_threshold:.2f}.{elsewhere}"
        )
    return (
        f"The validation part chose the checkpoint, the threshold {manifest.threshold:.2f} and the smallest region, "
        f"{manifest.min_region_fraction:.4f} of the head's box.{averaged}"
    )
