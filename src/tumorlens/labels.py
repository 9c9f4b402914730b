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


CLASSES: tuple[TumorClass, ...] = tuple(TumorClass)

_TITLES = {
    TumorClass.GLIOMA: "Glioma",
    TumorClass.MENINGIOMA: "Meningioma",
    TumorClass.PITUITARY: "Pituitary tumor",
    TumorClass.NO_TUMOR: "No tumor",
}

FOLDER_ALIASES: dict[str, TumorClass] = {
    "glioma": TumorClass.GLIOMA,
    "glioma_tumor": TumorClass.GLIOMA,
    "meningioma": TumorClass.MENINGIOMA,
    "meningioma_tumor": TumorClass.MENINGIOMA,
    "pituitary": TumorClass.PITUITARY,
    "pituitary_tumor": TumorClass.PITUITARY,
    "notumor": TumorClass.NO_TUMOR,
    "no_tumor": TumorClass.NO_TUMOR,
}


def class_of_folder(name: str) -> TumorClass | None:
    """Class that a folder called ``name`` holds in the published collections, or ``None`` if it is none of them."""
    return FOLDER_ALIASES.get(name.strip().lower().replace("-", "_").replace(" ", "_"))
