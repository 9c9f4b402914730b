"""What the members of an ensemble answer on the images that they have in common. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.records import Record
from tumorlens.datasets.splits import load_split
from tumorlens.errors import InputError, TumorlensError, UsageError
from tumorlens.evaluation.choose import Subject, choose_records, find_model
from tumorlens.evaluation.predict import Answered, predict
from tumorlens.evaluation.predictions import Predictions, read_predictions
from tumorlens.inference.ensemble_folder import Part, check_members

ANSWERS = "answers"
PREDICTIONS = "predictions.csv"
PartName = Literal["validation", "test"]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Source:
    """A run or model that is to be a member, under a name that no other member has."""

    name: str
    subject: Subject

    @property
    def part(self) -> Part:
        """Its name and model folder."""
        return Part(self.name, self.subject.folder)


@dataclass(frozen=True, eq=False)
class Common:
    """Answers of all members on the images that all have answered.

    Attributes:
        tables: of each member, with the same images and classes in the same order.
        grouped_by: what their groups are.
        records: of the images, by id, where their files were at hand.
        neighbour: label of the training image nearest to each image, or ``None`` where unknown.
    """

    tables: tuple[Predictions, ...]
    grouped_by: str
    records: Mapping[str, Record] = field(default_factory=dict)
    neighbour: tuple[str, ...] | None = None

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Of each member, ``[members, images, classes]``."""
        return np.stack([one.probabilities for one in self.tables])

    def joined(self, probabilities: NDArray[np.float64]) -> Predictions:
        """The table of an ensemble that answers ``[images, classes]``; similar to training is what any member knows."""
        known = [one.similarity for one in self.tables if one.similarity is not None]
        similarity = np.max(known, axis=0) if len(known) == len(self.tables) else None
        return replace(self.tables[0], probabilities=probabilities, similarity=similarity)


def no_progress(words: str, done: int, total: int) -> None:
    """Tells nobody."""


def open_sources(names: Sequence[str]) -> tuple[Source, ...]:
    """Find runs and models, and check that they can be joined.

    Raises:
        UsageError: fewer than two, one twice, a run that is not finished, or other classes.
        WeightsError: a manifest cannot be read.
    """
    subjects = [find_model(name) for name in names]
    places = [(one.run or one.folder).resolve() for one in subjects]
    short = [one.name for one in places]
    sources = tuple(
        Source(place.name if short.count(place.name) == 1 else f"{place.parent.name}-{place.name}", subject)
        for place, subject in zip(places, subjects, strict=True)
    )
    check_members([one.part for one in sources])
    return sources


def common_answers(
    sources: Sequence[Source], part: PartName, data: Path | None, out: Path, progress: Progress = no_progress
) -> Common:
    """Answers on the images that are in ``part`` of every member's own split.

    Test answers are taken from the runs' ``predictions.csv``. What else is needed is answered now and kept in
    ``out/answers``, so that a second call goes on.

    Raises:
        UsageError: images have to be answered and ``data`` is not given, or there is no image in common.
        InputError: a table is damaged, or an image has another truth in one.
        DatasetError: the collection cannot be read.
    """
    found = [_answers(one, part, data, out, progress) for one in sources]
    tables = _aligned(sources, [one.table for one in found], part)
    wanted = set(tables[0].ids)
    records = {name: record for one in found for name, record in one.records.items() if name in wanted}
    if not records and data is not None:
        chosen = choose_records(sources[0].subject, data, part=part)
        records = {record.id: record for record in chosen.records if record.id in wanted}
    own = tables[0].groups == tables[0].ids
    return Common(tables, "image" if own else found[0].grouped_by, records)


def _answers(source: Source, part: PartName, data: Path | None, out: Path, progress: Progress) -> Answered[Predictions]:
    run = source.subject.run
    if part == "test" and run is not None and (run / PREDICTIONS).is_file():
        table = read_predictions(run / PREDICTIONS)
        if not isinstance(table, Predictions):
            raise InputError(
                f"{run / PREDICTIONS} holds outlines, and those of a classifier are needed: evaluate it again."
            )
        return Answered(table, "group", None, {})
    if data is None:
        raise UsageError(
            f"{source.name} has no answers on its {part} part yet: pass --data with the folder of its collection."
        )
    chosen = choose_records(source.subject, data, part=part)
    total = len(chosen.records)
    digest = source.subject.manifest.sha256[:12]
    return predict(
        source.subject.folder,
        chosen.records,
        taught=chosen.taught if part == "test" else None,
        progress=lambda done: progress(f"{source.name}, {part}", done, total),
        cache=out / ANSWERS / f"{part}-{digest}.csv",
    )


def _aligned(sources: Sequence[Source], tables: Sequence[Predictions], part: str) -> tuple[Predictions, ...]:
    first = tables[0]
    ids = set.intersection(*(set(one.ids) for one in tables))
    if not ids:
        raise UsageError(
            f"There is no image in the {part} part of every member ({' and '.join(one.name for one in sources)}): join "
            "models of one collection and split."
        )
    order = [name for name in first.ids if name in ids]
    found = []
    for source, table in zip(sources, tables, strict=True):
        place = {name: row for row, name in enumerate(table.ids)}
        rows = table.subset(np.array([place[name] for name in order], dtype=np.int64))
        columns = [table.classes.index(name) for name in first.classes]
        truth = np.array([columns.index(int(one)) for one in rows.truth], dtype=np.int64)
        found.append(
            replace(rows, classes=first.classes, probabilities=rows.probabilities[:, columns], truth=truth, unread=())
        )
        if not np.array_equal(truth, found[0].truth):
            row = int(np.flatnonzero(truth != found[0].truth)[0])
            raise InputError(
                f"{order[row]} has another truth in {source.name} than in {sources[0].name}: use the same labels."
            )
    return tuple(replace(one, groups=found[0].groups) for one in found)


def validation_is_test(source: Source) -> bool:
    """Whether the member's validation part is its test part too, as one published protocol has it."""
    if source.subject.run is None:
        return False
    try:
        return load_split(str(source.subject.run / "split.json")).validation_is_test
    except TumorlensError:
        return False
