"""What a collection is once it is read: records with a label, and where known a group and a mask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tumorlens.labels import Label, TumorClass


@dataclass(frozen=True)
class Record:
    """One image of a collection.

    Attributes:
        id: path below the collection's root, with ``/``; the name under which splits refer to the image.
        path: where the file lies.
        label: class of the image; ``UnknownTumor.TUMOR`` where a collection says only that there is a tumor.
        part: published part it belongs to, such as ``"Training"``; ``""`` where there is none.
        group: what must not be divided between training and test (a patient), or ``None`` where unknown.
        mask: file of the tumor mask, or ``None``; the file of the image itself where that holds both.
        spacing_mm: ``(row, col)`` as the collection states it, in millimetres, or ``None``.
        channel: index of the channel that is the picture, where a file holds several sequences as channels.
        sequence: ``t1``, ``t1c`` (with contrast), ``t2``, ``flair`` or ``pd``, where it is known.
        source: collection of origin, where a collection gathers several.
        stripped: whether the skull was taken off; ``None`` where nobody says.
        slice_index: place of the slice in its volume, where it is known.
        mask_values: values of the mask file that are tumor; ``None`` for what lies above half of white.
        licence: of this very image, where a collection gathers several.

    ``tumorlens.datasets.reading`` reads the image and mask of a record; nothing else knows how they are stored.
    """

    id: str
    path: Path
    label: Label
    part: str = ""
    group: str | None = None
    mask: Path | None = None
    spacing_mm: tuple[float, float] | None = None
    channel: int | None = None
    sequence: str | None = None
    source: str | None = None
    stripped: bool | None = None
    slice_index: int | None = None
    mask_values: tuple[int, ...] | None = None
    licence: str | None = None

    @property
    def is_tumor(self) -> bool:
        """Whether the image shows a tumor, of whatever type."""
        return self.label != TumorClass.NO_TUMOR


@dataclass(frozen=True)
class Collection:
    """A data set on disk: its catalogue name, its root and its records in a fixed order."""

    name: str
    root: Path
    records: tuple[Record, ...]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def part(self, name: str) -> tuple[Record, ...]:
        """Records of one published part."""
        return tuple(record for record in self.records if record.part == name)

    def select(self, ids: Iterable[str]) -> tuple[Record, ...]:
        """Records with these ids, in the order given.

        Raises:
            DatasetError: an id is not in the collection.
        """
        from tumorlens.errors import DatasetError

        by_id = {record.id: record for record in self.records}
        wanted = list(ids)
        missing = [one for one in wanted if one not in by_id]
        if missing:
            raise DatasetError(
                f"{len(missing)} of {len(wanted)} images that the split names are missing below {self.root}, the first "
                f"being {missing[0]}: check that this is the '{self.name}' collection, whole."
            )
        return tuple(by_id[one] for one in wanted)
