"""The four classes, in the order used everywhere, and the folder names under which published collections keep them."""

from __future__ import annotations

from enum import StrEnum


class TumorClass(StrEnum):
    """What a slice may show. Iteration order is the order of every probability vector."""

    GLIOMA = "glioma"
    MENINGIOMA = "meningioma"
    PITUITARY = "pituitary"
    NO_TUMOR = "no_tumor"

    @property
    def title_text(self) -> str:
        """Name for people, for example ``"Pituitary tumor"``."""
        return _TITLES[self]


class UnknownTumor(StrEnum):
    """Label of an image of which a collection says only that it shows a tumor, and of a tumor of uncertain kind."""

    TUMOR = "tumor"

    @property
    def title_text(self) -> str:
        """Name for people."""
        return "Tumor of unknown type"


Label = TumorClass | UnknownTumor
"""What a collection says of an image."""

CLASSES: tuple[TumorClass, ...] = tuple(TumorClass)

_TITLES = {
    TumorClass.GLIOMA: "Glioma",
    TumorClass.MENINGIOMA: "Meningioma",
    TumorClass.PITUITARY: "Pituitary tumor",
    TumorClass.NO_TUMOR: "No tumor",
}


def label_title(label: str) -> str:
    """Name of a class for people, also of a class that only one model knows."""
    if label in set(TumorClass):
        return TumorClass(label).title_text
    words = label.replace("_", " ")
    return words[:1].upper() + words[1:]


FOLDER_ALIASES: dict[str, Label] = {
    "glioma": TumorClass.GLIOMA,
    "glioma_tumor": TumorClass.GLIOMA,
    "meningioma": TumorClass.MENINGIOMA,
    "meningioma_tumor": TumorClass.MENINGIOMA,
    "pituitary": TumorClass.PITUITARY,
    "pituitary_tumor": TumorClass.PITUITARY,
    "notumor": TumorClass.NO_TUMOR,
    "no_tumor": TumorClass.NO_TUMOR,
    "no": TumorClass.NO_TUMOR,
    "normal": TumorClass.NO_TUMOR,
    "healthy": TumorClass.NO_TUMOR,
    "yes": UnknownTumor.TUMOR,
    "tumor": UnknownTumor.TUMOR,
    "brain_tumor": UnknownTumor.TUMOR,
}


PART_ALIASES: dict[str, str] = {
    "training": "Training",
    "train": "Training",
    "testing": "Testing",
    "test": "Testing",
    "validation": "Validation",
    "valid": "Validation",
    "val": "Validation",
}


def class_of_folder(name: str) -> Label | None:
    """What a folder called ``name`` holds in the published collections, or ``None`` if it is none of them."""
    return FOLDER_ALIASES.get(_folder_key(name))


def part_of_folder(name: str) -> str | None:
    """Published part that a folder called ``name`` holds, such as ``"Training"``, or ``None`` if it is none."""
    return PART_ALIASES.get(_folder_key(name))


def _folder_key(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")
