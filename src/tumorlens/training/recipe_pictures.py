"""The data as a recipe uses it: classes in each part, pictures beside augmented ones, and t-SNE around balancing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorlens.augmentation import Augmentation
from tumorlens.datasets.reading import read_record
from tumorlens.datasets.records import Record
from tumorlens.datasets.similarity import thumbnail
from tumorlens.errors import DatasetError
from tumorlens.evaluation import dataset_plots as plots
from tumorlens.training.copies import is_copy, originals
from tumorlens.training.prepare import Preparation, prepare_records
from tumorlens.training.recipe import Recipe
from tumorlens.training.run_data import PARTS, Plan, plan_data

ROWS, COPIES = 4, 5
Say = Callable[[str, int, int | None], None]


def draw_recipe(
    recipe: Recipe, root: Path, out: Path, images: int, seed: int, say: Say = lambda what, done, total: None
) -> tuple[list[Path], list[str]]:
    """Draw what a recipe makes of its collection into ``out``, which must exist.

    ``class-counts.png`` counts the classes in its parts, before and after its copies; ``augmented.png`` shows training
    pictures beside what an epoch may make of them, ``copies.png`` beside the copies made before training, and
    ``t-sne-balancing.png`` all of the training part before and after these.

    Args:
        recipe: whose data it is.
        root: folder of the collection, or of several.
        out: folder of the pictures.
        images: most images in the t-SNE.
        seed: chooses the images that are shown.
        say: told what is done.

    Returns:
        What was written, and what was left out and why.

    Raises:
        RecipeError: the recipe does not fit the data.
        DatasetError: files are missing, or a part is empty or lacks a class.
        OutputError: a picture cannot be written.
    """
    say(f"Dividing {recipe.data.collection}", 0, None)
    plan = plan_data(recipe, root, None)
    offline = None if recipe.data.offline is None else recipe.data.offline.augmentation
    pictures: dict[str, Callable[[Path], None]] = {
        "class-counts.png": lambda path: _draw_counts(path, plan, recipe.name),
        "augmented.png": lambda path: _draw_beside(path, plan, recipe, recipe.augmentation, seed),
        "copies.png": lambda path: _draw_beside(path, plan, recipe, offline, seed),
        "t-sne-balancing.png": lambda path: _draw_balancing(path, plan, recipe, images, seed),
    }
    return plots.draw_each(pictures, out, say)


def _draw_counts(path: Path, plan: Plan, name: str) -> None:
    counts: dict[str, dict[str, int]] = {}
    for part in PARTS:
        records = plan.records[part]
        counts[part] = plots.class_counts(originals(records))
        if any(is_copy(one) for one in records):
            counts[f"{part},\nwith copies"] = plots.class_counts(records)
    plots.plot_class_counts(path, counts, f"Images in the parts of {name}")


def _draw_beside(path: Path, plan: Plan, recipe: Recipe, augmentation: Augmentation | None, seed: int) -> None:
    if augmentation is None or augmentation.is_empty:
        raise DatasetError(f"The recipe '{recipe.name}' changes no picture in this way.")
    generator = np.random.default_rng(seed)
    prepare = recipe.preprocessing.plain()
    rows = []
    for record in _spread(originals(plan.records["train"]), generator):
        image = prepare(read_record(record).pixels).array[0]
        made = [augmentation.sample(generator).apply(image)[0] for _ in range(COPIES)]
        rows.append((image, [one if one.ndim == 2 else np.moveaxis(one[:3], 0, -1).clip(0, 1) for one in made]))
    plots.plot_augmented(path, rows)


def _draw_balancing(path: Path, plan: Plan, recipe: Recipe, images: int, seed: int) -> None:
    records = plan.records["train"]
    copied = sum(is_copy(one) for one in records)
    if recipe.data.offline is None or not copied:
        raise DatasetError(f"The recipe '{recipe.name}' makes no copies before training.")
    chosen = plots.thumbnail_sample(records, images, seed)
    preparation = Preparation(recipe.preprocessing, False, offline=recipe.data.offline)
    prepared = prepare_records(chosen, preparation)
    vectors = np.stack([thumbnail(_bytes(prepared.image(index))) for index in range(len(prepared))])
    made = np.array([is_copy(one) for one in chosen])
    plots.plot_balancing(path, vectors, [str(one.label) for one in chosen], made, seed)


def _spread(records: Sequence[Record], generator: np.random.Generator) -> list[Record]:
    """One record of each class in turn, those with a tumor first, for other slices may show nothing."""
    classes = sorted({str(one.label) for one in records}, key=lambda label: (label == "no_tumor", label))
    queues = [[one for one in records if str(one.label) == label] for label in classes]
    drawn = [[queue[int(place)] for place in generator.permutation(len(queue))[:ROWS]] for queue in queues]
    return [queue[turn] for turn in range(ROWS) for queue in drawn if turn < len(queue)][:ROWS]


def _bytes(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(image * 255).clip(0, 255), dtype=np.uint8)
