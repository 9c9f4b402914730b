"""Leave one source out at a time: train a recipe without it, and see how the reader does on it."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.records import Record
from tumorlens.errors import RecipeError, UsageError
from tumorlens.evaluation.detection import Detection, read_detections, write_detections
from tumorlens.evaluation.read_records import read_records
from tumorlens.inference.analyze import Analyzer
from tumorlens.training.reader.pool import Item, limited
from tumorlens.training.reader.recipe import ReaderRecipe, SourceRecipe
from tumorlens.training.reader.train import train_reader
from tumorlens.training.run import RunFolder

ANSWERS = "left-out.csv"
PER_STRATUM = 120
"""Slices of each stratum that are answered at most: they are spread over it."""
QUICK = {"epochs": 2, "epoch_draws": 640}


@dataclass(frozen=True)
class LeftOut:
    """What is left out in one run.

    Attributes:
        name: of the run's folder and of the row.
        parts: collections, or ``COLLECTION:PATTERN`` with a pattern of ``ORIGIN/SEQUENCE/GROUP``.
    """

    name: str
    parts: tuple[str, ...]

    def leaves(self, item: Item) -> bool:
        """Whether an item is left out."""
        return any(_matches(part, item) for part in self.parts)


def parse_left_out(text: str) -> LeftOut:
    """From ``NAME=PART+PART`` or ``PART+PART``, such as ``brats``, ``more:TCGA-GBM*`` or ``small=healthy+ms``.

    Raises:
        UsageError: nothing is named.
    """
    name, _, rest = text.rpartition("=")
    parts = tuple(part.strip() for part in rest.split("+") if part.strip())
    if not parts:
        raise UsageError(f"--leave-out is {text!r}: name a collection, or COLLECTION:PATTERN, joined by + for several.")
    safe = "".join(one if one.isalnum() or one in "-_" else "-" for one in (name or rest)).strip("-")
    return LeftOut(safe or "left-out", parts)


def without(recipe: ReaderRecipe, left: LeftOut) -> ReaderRecipe:
    """The recipe without what is left out.

    Raises:
        RecipeError: nothing would be left, or no source of the recipe is named.
    """
    named = {part.partition(":")[0] for part in left.parts}
    unknown = named - {one.collection for one in recipe.sources}
    if unknown:
        raise RecipeError(
            f"The recipe '{recipe.name}' has no source {', '.join(sorted(unknown))}; it has "
            f"{', '.join(one.collection for one in recipe.sources)}."
        )
    sources: list[SourceRecipe] = []
    for source in recipe.sources:
        if source.collection in left.parts:
            continue
        patterns = tuple(part.partition(":")[2] for part in left.parts if part.partition(":")[0] == source.collection)
        sources.append(source.model_copy(update={"leave_out": (*source.leave_out, *patterns)}))
    if not sources:
        raise RecipeError(f"Without {', '.join(left.parts)} the recipe '{recipe.name}' has no source: leave less out.")
    return recipe.model_copy(update={"sources": tuple(sources)})


def leave_out(
    recipe: ReaderRecipe,
    left: LeftOut,
    data: Path,
    out: Path,
    *,
    cache: Path | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> list[Detection]:
    """Train without a source and answer it, or find the answers of an earlier call; an unfinished run goes on.

    Raises:
        RecipeError: it cannot be left out.
        UsageError: it names no slice.
        DatasetError: a collection is missing.
        TrainingError: training failed.
        OutputError: a file cannot be written.
    """
    folder = out / left.name
    answers = folder / ANSWERS
    smaller = without(recipe, left)
    if answers.is_file():
        RunFolder(folder).start(smaller, resume=True)
        return read_detections(answers)
    if not any(_left_records(source, left, data) for source in recipe.sources):
        raise UsageError(
            f"--leave-out {'+'.join(left.parts)} matches no slice: name a collection, or COLLECTION:PATTERN with a "
            "pattern of ORIGIN/SEQUENCE/PERSON."
        )
    told(f"{left.name}: training without {', '.join(left.parts)}")
    run = train_reader(smaller, data, folder, resume=RunFolder(folder).last.is_file(), cache=cache)
    analyzer = Analyzer(classifier=run.export, gate=False)
    rows: list[Detection] = []
    for source in recipe.sources:
        chosen = _left_records(source, left, data)
        if chosen:
            told(f"{left.name}: answering {len(chosen)} slices of {source.collection}")
            found, unread = read_records(analyzer, source.collection, chosen)
            rows += found
            for line in unread:
                told(line)
    write_detections(answers, rows)
    return rows


def _left_records(source: SourceRecipe, left: LeftOut, data: Path) -> Sequence[Record]:
    items = [Item(source.collection, one) for one in load_collection(source.collection, data)]
    return [one.record for one in limited([item for item in items if left.leaves(item)], PER_STRATUM)]


def _matches(part: str, item: Item) -> bool:
    collection, _, pattern = part.partition(":")
    if collection != item.collection:
        return False
    record = item.record
    name = f"{item.origin}/{record.sequence or 'unknown'}/{record.group or record.id}"
    return not pattern or fnmatch.fnmatchcase(name, pattern)
