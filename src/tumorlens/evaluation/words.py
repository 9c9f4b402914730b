"""What an evaluation found, in sentences that a physician can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tumorlens.labels import CLASSES

METRICS = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_precision": "Precision, mean of classes",
    "macro_recall": "Recall, mean of classes",
    "macro_f1": "F1, mean of classes",
    "macro_auroc": "AUROC, mean of classes",
    "macro_auprc": "AUPRC, mean of classes",
    "mcc": "Matthews correlation",
    "kappa": "Cohen's kappa",
    "dice": "Dice",
    "iou": "Intersection over union",
    "hd95": "Hausdorff distance, 95th percentile",
    "assd": "Mean distance of the outlines",
    "surface_dice": "Surface Dice",
    "sensitivity": "Sensitivity",
    "precision": "Precision",
    "relative_area_error": "Area error, relative",
}


def title_of(label: str) -> str:
    """Name of a class for people."""
    known = {str(one): one.title_text for one in CLASSES}
    return known.get(label, label.replace("_", " ").capitalize())


def with_article(label: str) -> str:
    """``glioma`` as ``a glioma``, and ``no_tumor`` as ``no tumor``."""
    name = title_of(label).lower()
    return name if name.startswith("no ") else f"a{'n' if name[0] in 'aeiou' else ''} {name}"


def percent(value: float, digits: int = 1) -> str:
    """``0.9878`` as ``98.8 %``."""
    return f"{100 * value:.{digits}f} %"


def figure(found: Mapping[str, Any] | None, digits: int = 3, share: bool = False) -> str:
    """A figure with its interval where it has one, or a dash where it is undefined."""
    if found is None:
        return "–"
    if "low" not in found:
        return percent(found["value"]) if share else f"{found['value']:.{digits}f}"
    if share:
        return f"{percent(found['value'])} ({100 * found['low']:.1f} to {100 * found['high']:.1f})"
    return f"{found['value']:.{digits}f} ({found['low']:.{digits}f} to {found['high']:.{digits}f})"


def of_hundred(value: float) -> str:
    """A share as a count of a hundred, without claiming all or none where it is not."""
    rounded = round(100 * value)
    if rounded == 100 and value < 1:
        return "more than 99"
    if rounded == 0 and value > 0:
        return "fewer than 1"
    return {100: "all", 0: "none"}.get(rounded, str(rounded))


def classification_summary(section: Mapping[str, Any], setting_words: Mapping[str, Any]) -> list[str]:
    """Sentences about a classifier: each class in natural frequencies, missed tumors, leaks, baselines, silence."""
    whole, classes = section["figures"]["all"], section["classes"]
    accuracy = whole["intervals"]["accuracy"]
    sentences = [
        f"Of 100 scans it names the right class for {of_hundred(accuracy['value'])} (95 % interval "
        f"{100 * accuracy['low']:.1f} to {100 * accuracy['high']:.1f}), measured on {whole['images']:,} images."
    ]
    sentences += [one for name in classes if (one := _class_sentence(name, section))]
    sentences += _missed(section)
    leak_free = section["figures"]["leak_free"]
    if leak_free is not None and leak_free["images"] < whole["images"]:
        own = leak_free["intervals"]["accuracy"]
        seen = whole["images"] - leak_free["images"]
        sentences.append(
            f"{seen:,} of the {whole['images']:,} images are nearly the same as one it learned from. On the other "
            f"{leak_free['images']:,} it is right for {figure(own, share=True)}: this is the fairer figure."
        )
    elif setting_words["reference_known"] and leak_free is not None:
        sentences.append("None of these images is nearly the same as one that it learned from.")
    elif not setting_words["reference_known"]:
        sentences.append(
            "Whether it has seen some of these images in training is unknown, for its training images were not at hand."
        )
    sentences += _against_neighbour(section["baselines"])
    kept = section["selective"]["accuracy_at"].get("0.90")
    if kept is not None and kept > accuracy["value"]:
        sentences.append(
            f"If it may keep silent on the tenth it is least sure of, it is right for {percent(kept)} of the rest."
        )
    return sentences


def segmentation_summary(section: Mapping[str, Any], setting_words: Mapping[str, Any]) -> list[str]:
    """Sentences about a segmenter: overlap, lesions found, distances, sizes, leaks."""
    whole = section["figures"]["all"]
    dice, found = whole["intervals"]["dice"], section["found"]
    sentences = [
        f"On average its outline and the true one overlap with a Dice of {figure(dice, 2)}, where 1 is perfect, "
        f"measured on {whole['images']:,} images; half of the images reach {dice['median']:.2f} or more."
    ]
    if found["lesions"]:
        share = found["found"] / found["lesions"]
        sentences.append(
            f"Of 100 scans with a tumor it finds at least part of the tumor in {of_hundred(share)} "
            f"({found['found']:,} of {found['lesions']:,})."
        )
    if found["without_lesion"]:
        sentences.append(
            f"Of {found['without_lesion']:,} scans without a tumor it outlines something in "
            f"{found['outlined_without_lesion']:,}."
        )
    distance = whole["intervals"]["hd95"]
    if distance is not None:
        sentences.append(
            f"Where it draws an outline, 95 % of its edge lies within {distance['median']:.1f} {section['unit']} of "
            "the true edge in half of the images."
        )
    area = whole["intervals"]["relative_area_error"]
    if area is not None:
        side = "too large" if area["median"] > 0 else "too small"
        sentences.append(f"The area it measures is typically {abs(100 * area['median']):.0f} % {side} (median).")
    for name, one in sorted(section["per_class"].items()):
        overlap = one["intervals"]["dice"]
        sentences.append(f"{title_of(name)}: Dice {figure(overlap, 2)} on {one['images']:,} images.")
    if not setting_words["reference_known"]:
        sentences.append(
            "Whether it has seen some of these images in training is unknown, for its training images were not at hand."
        )
    return sentences


def _class_sentence(name: str, section: Mapping[str, Any]) -> str | None:
    whole = section["figures"]["all"]
    recall, count = whole["intervals"][f"recall_{name}"], whole["counts"][name]
    if recall is None or not count:
        return None
    classes = section["classes"]
    row = section["confusion"][classes.index(name)]
    others = {other: number for other, number in zip(classes, row, strict=True) if other != name and number}
    verb = "says so for" if name == "no_tumor" else "names"
    start = "without a tumor" if name == "no_tumor" else f"with {with_article(name)}"
    sentence = (
        f"Of 100 scans {start} it {verb} {of_hundred(recall['value'])} (95 % interval {100 * recall['low']:.0f} to "
        f"{100 * recall['high']:.0f}; {count:,} images)"
    )
    if others:
        worst = max(others, key=lambda other: others[other])
        sentence += f"; it most often takes the rest for {with_article(worst)}"
    return sentence + "."


def _missed(section: Mapping[str, Any]) -> list[str]:
    classes: Sequence[str] = section["classes"]
    if "no_tumor" not in classes:
        return []
    none = classes.index("no_tumor")
    tumors = [row for index, row in enumerate(section["confusion"]) if index != none]
    total, missed = sum(map(sum, tumors)), sum(row[none] for row in tumors)
    alarms = sum(section["confusion"][none]) - section["confusion"][none][none]
    healthy = sum(section["confusion"][none])
    sentences = []
    if total:
        sentences.append(f"Of {total:,} scans with a tumor it calls {missed:,} free of tumor.")
    if healthy:
        sentences.append(f"Of {healthy:,} scans without a tumor it calls {alarms:,} a tumor.")
    return sentences


def _against_neighbour(baselines: Sequence[Mapping[str, Any]]) -> list[str]:
    found = {one["name"]: one for one in baselines}
    if "nearest_neighbour" not in found:
        return []
    neighbour, model = found["nearest_neighbour"], found["model"]
    which, words = (
        ("accuracy_leak_free", " on those fairer images") if model["accuracy_leak_free"] else ("accuracy", "")
    )
    if neighbour[which] is None:
        return []
    return [
        f"Without any network, taking the class of the most similar training image is right for "
        f"{percent(neighbour[which]['value'])}{words}: what a model adds is the distance from that."
    ]
