"""``WRITERS``: every file beside the document, each by one entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tumorlens.inference.analysis import Analysis
from tumorlens.inference.document import AnalysisDocument
from tumorlens.writers.lesions import lesions_csv
from tumorlens.writers.mask import picture_mask, volume_mask
from tumorlens.writers.page import volume_page
from tumorlens.writers.pictures import montage, overlay, three_planes


@dataclass(frozen=True)
class Writer:
    """One kind of file beside ``NAME.json``.

    Attributes:
        name: in one word.
        ending: what follows ``NAME``.
        title: what the file is, in a few words.
        content: its bytes; same analysis, same bytes. Asked only where ``belongs`` holds.
        belongs: whether an answer has this file, told from its document alone.
    """

    name: str
    ending: str
    title: str
    content: Callable[[Analysis], bytes]
    belongs: Callable[[AnalysisDocument], bool]


def _answered(document: AnalysisDocument) -> bool:
    return document.status == "answered"


def _answered_volume(document: AnalysisDocument) -> bool:
    return _answered(document) and document.volume is not None


WRITERS = (
    Writer(
        "overlay",
        ".overlay.png",
        "the slice with the tumor outlined in green, of a volume the largest slice of each lesion",
        overlay,
        _answered,
    ),
    Writer(
        "mask",
        ".mask.png",
        "the tumor in white; none for no tumor",
        picture_mask,
        lambda document: document.volume is None and document.mask is not None,
    ),
    Writer(
        "volume-mask",
        ".mask.nii.gz",
        "the tumor of a volume on the file's own grid; none for no tumor",
        volume_mask,
        lambda document: document.volume is not None and document.volume.mask is not None,
    ),
    Writer(
        "lesions",
        ".lesions.csv",
        "measurements of each lesion of a volume; none for no tumor",
        lesions_csv,
        lambda document: document.volume is not None and document.volume.mask is not None,
    ),
    Writer("montage", ".montage.png", "slices of a volume, outlined", montage, _answered_volume),
    Writer("planes", ".planes.png", "three planes through a volume's largest lesion", three_planes, _answered_volume),
    Writer("page", ".html", "a page that scrolls through a volume, offline", volume_page, _answered_volume),
)
