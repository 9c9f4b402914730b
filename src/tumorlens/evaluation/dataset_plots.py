"""Pictures of a collection: examples, class counts, masks, ages, a map of its images, and augmented copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.reading import read_record, read_record_mask
from tumorlens.datasets.records import Record
from tumorlens.errors import DatasetError
from tumorlens.io import write_atomic
from tumorlens.labels import CLASSES, Label, UnknownTumor
from tumorlens.notice import NOTICE
from tumorlens.preprocessing.intensity import percentile_scale

COLORS = {
    "glioma": "#4477aa",
    "meningioma": "#ee6677",
    "pituitary": "#228833",
    "no_tumor": "#777777",
    "tumor": "#aa3377",
}
RED = np.array([1.0, 0.1, 0.1], dtype=np.float32)
_DPI = 120
_NO_UNIT = "neighbors look alike; axes and distances between groups have no unit"
_LABELS: tuple[Label, ...] = (*CLASSES, UnknownTumor.TUMOR)


def draw_each(
    pictures: Mapping[str, Callable[[Path], None]], out: Path, say: Callable[[str, int, int | None], None]
) -> tuple[list[Path], list[str]]:
    """Make each file in ``out``; what the data is lacking for is left out.

    Args:
        pictures: what makes the file, by its name.
        out: their folder.
        say: told which is made, how many are done, and how many there are.

    Returns:
        What was written, and what was left out and why.
    """
    written, notes = [], []
    for number, (name, action) in enumerate(pictures.items()):
        say(f"Drawing {name}", number, len(pictures))
        try:
            action(out / name)
        except DatasetError as error:
            notes.append(f"Left out {name}: {error}")
        else:
            written.append(out / name)
    return written, notes


def plot_examples(path: Path, records: Sequence[Record], seed: int, per_class: int = 6) -> None:
    """Example images, one row for each class, drawn by the seed."""
    rows = {
        label: _drawn([one for one in records if one.label == label], per_class, seed) for label in _labels(records)
    }
    figure, axes = _grid(len(rows), per_class, "Example images")
    for row, (label, chosen) in zip(axes, rows.items(), strict=True):
        for axis, record in zip(row, chosen, strict=False):
            axis.imshow(_scaled(record), cmap="gray", vmin=0, vmax=1)
        row[0].set_ylabel(label.title_text)
    _save(figure, path)


def plot_class_counts(path: Path, counts: Mapping[str, Mapping[str, int]], title: str) -> None:
    """Bars of the images of each class, grouped by part."""
    labels = [str(one) for one in _LABELS if any(str(one) in part for part in counts.values())]
    figure, axis = _axes(title, (2.6 + 1.3 * len(counts) * max(1.0, len(labels) / 3), 4))
    width = 0.8 / len(labels)
    for index, label in enumerate(labels):
        where = np.arange(len(counts)) + (index - (len(labels) - 1) / 2) * width
        heights = [part.get(label, 0) for part in counts.values()]
        bars = axis.bar(where, heights, width * 0.92, color=COLORS[label], label=_title(label))
        axis.bar_label(bars, fmt="{:,.0f}", fontsize=8, padding=2)
    axis.set_xticks(np.arange(len(counts)), [name or "all images" for name in counts])
    axis.set_ylabel("images")
    axis.margins(y=0.12)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    _save(figure, path)


def plot_masks(path: Path, records: Sequence[Record], seed: int, count: int = 5) -> None:
    """Image, mask, and image with the tumor painted red, of records that have a mask with a tumor.

    Raises:
        DatasetError: no record has a mask and a tumor, or a mask does not fit its image.
    """
    usable = [record for record in records if record.mask is not None and record.is_tumor]
    if not usable:
        raise DatasetError("No image has a mask with a tumor: there are no panels to draw.")
    chosen = _spread(usable, count, seed)
    figure, axes = _grid(len(chosen), 3, "Image, mask, and tumor in red")
    for row, record in zip(axes, chosen, strict=True):
        image = _scaled(record)
        mask = read_record_mask(record, image.shape)
        for axis, panel in zip(row, (image, mask, painted(image, mask)), strict=True):
            axis.imshow(panel, cmap="gray", vmin=0, vmax=1)
        row[0].set_ylabel(_title(str(record.label)))
    for axis, name in zip(axes[0], ("image", "mask", "overlay"), strict=True):
        axis.set_title(name, fontsize=9)
    _save(figure, path)


def plot_bad_crops(path: Path, pictures: Sequence[Record], total: int, columns: int = 8) -> None:
    """Pictures in which no head can be found, at most three rows of them.

    Raises:
        DatasetError: there is none.
    """
    if not pictures:
        raise DatasetError(f"In each of {total:,} pictures a head can be found: there is no bad crop.")
    shown = pictures[: 3 * columns]
    columns = min(columns, len(shown))
    noun = "picture" if len(pictures) == 1 else "pictures"
    figure, axes = _grid(
        -(-len(shown) // columns), max(columns, 4), f"{len(pictures):,} {noun} without a head to crop to"
    )
    for axis, record in zip(axes[:, :columns].ravel(), shown, strict=False):
        axis.imshow(_scaled(record), cmap="gray", vmin=0, vmax=1)
        axis.set_title(record.path.name[-22:], fontsize=6)
    _save(figure, path)


def painted(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """An image ``[rows, cols]`` within [0, 1] as color ``[rows, cols, 3]``, with the masked pixels tinted red."""
    color = np.repeat(image[:, :, None], 3, axis=2)
    color[mask] = 0.4 * color[mask] + 0.6 * RED
    return np.asarray(color, dtype=np.float32)


def plot_ages(path: Path, ages: Mapping[str, int]) -> None:
    """Histogram of the patients' ages, in bins of five years.

    Raises:
        DatasetError: no age is known.
    """
    if not ages:
        raise DatasetError("No patient's age is known: there is no histogram to draw.")
    values = np.array(list(ages.values()))
    edges = np.arange(values.min() // 5 * 5, values.max() + 6, 5)
    figure, axis = _axes(
        f"Age of {len(values)} patients at diagnosis (median {np.median(values):.0f} years)", (6.4, 3.8)
    )
    axis.hist(values, bins=edges, color=COLORS["glioma"], edgecolor="white")
    axis.set_xlabel("age in years, in bins of five")
    axis.set_ylabel("patients")
    axis.spines[["top", "right"]].set_visible(False)
    axis.yaxis.get_major_locator().set_params(integer=True)
    _save(figure, path)


def plot_map(path: Path, vectors: NDArray[np.float32], labels: Sequence[str], seed: int) -> None:
    """t-SNE (van der Maaten and Hinton, 2008) of thumbnails ``[images, values]``, colored by class.

    The first 50 principal components go in; what lies close looks alike, and distances between groups mean nothing.

    Raises:
        DatasetError: there are fewer than ten images.
    """
    points = _embedded(vectors, seed)
    figure, axis = _axes(f"t-SNE of {len(vectors):,} thumbnails (48 x 48 pixels)", (6.8, 5.6))
    _scatter(axis, points, labels)
    axis.set_xlabel(_NO_UNIT)
    axis.legend(frameon=False, fontsize=8, markerscale=2, loc="upper left", bbox_to_anchor=(1, 1))
    _save(figure, path)


def plot_balancing(
    path: Path, vectors: NDArray[np.float32], labels: Sequence[str], copied: NDArray[np.bool_], seed: int
) -> None:
    """One t-SNE of images and their augmented copies, shown without the copies and with them.

    Raises:
        DatasetError: there are fewer than ten images.
    """
    points = _embedded(vectors, seed)
    figure, axes = _axes("t-SNE of thumbnails (48 x 48 pixels), before and after copies", (11.4, 5.4), 2)
    for axis, kept, words in zip(axes, (~copied, np.ones_like(copied)), ("originals", "with copies"), strict=True):
        _scatter(axis, points[kept], [one for one, shown in zip(labels, kept, strict=True) if shown])
        axis.set_title(f"{words}: {int(kept.sum()):,} images", fontsize=9)
        axis.set_xlim(points[:, 0].min() - 2, points[:, 0].max() + 2)
        axis.set_ylim(points[:, 1].min() - 2, points[:, 1].max() + 2)
        axis.set_xlabel(_NO_UNIT, fontsize=8)
    axes[1].legend(frameon=False, fontsize=8, markerscale=2, loc="upper left", bbox_to_anchor=(1, 1))
    _save(figure, path)


def _embedded(vectors: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    if len(vectors) < 10:
        raise DatasetError(f"A t-SNE needs at least 10 images, and there are {len(vectors)}.")
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    components = min(50, *vectors.shape)
    reduced = PCA(components, random_state=seed).fit_transform(vectors)
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    points = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)
    return np.asarray(points, dtype=np.float32)


def _scatter(axis: Any, points: NDArray[np.float32], labels: Sequence[str]) -> None:
    for label in dict.fromkeys(sorted(labels, key=list(COLORS).index)):
        chosen = np.array([one == label for one in labels])
        axis.scatter(*points[chosen].T, s=7, color=COLORS[label], label=_title(label), alpha=0.75, linewidths=0)
    axis.set_xticks([])
    axis.set_yticks([])


def plot_augmented(path: Path, rows: Sequence[tuple[NDArray[np.float32], Sequence[NDArray[np.float32]]]]) -> None:
    """Originals, each beside augmented copies of it; all ``[rows, cols]`` within [0, 1]."""
    figure, axes = _grid(len(rows), 1 + len(rows[0][1]), "Original, and augmented copies")
    for row, (original, copies) in zip(axes, rows, strict=True):
        for axis, image in zip(row, (original, *copies), strict=True):
            axis.imshow(image, cmap="gray", vmin=0, vmax=1)
    axes[0][0].set_title("original", fontsize=9)
    for number, axis in enumerate(axes[0][1:], start=1):
        axis.set_title(f"copy {number}", fontsize=9)
    _save(figure, path)


def class_counts(records: Sequence[Record]) -> dict[str, int]:
    """Images of each label."""
    return dict(Counter(str(record.label) for record in records))


def _labels(records: Sequence[Record]) -> list[Label]:
    found = {record.label for record in records}
    return [label for label in _LABELS if label in found]


def _title(label: str) -> str:
    return next(one.title_text for one in _LABELS if one == label)


def _drawn(records: Sequence[Record], count: int, seed: int) -> list[Record]:
    order = np.random.default_rng(seed).permutation(len(records))[:count]
    return [records[int(index)] for index in sorted(order)]


def _spread(records: Sequence[Record], count: int, seed: int) -> list[Record]:
    """Records drawn in turn from the classes that there are."""
    queues = [_drawn([one for one in records if one.label == label], count, seed) for label in _labels(records)]
    turns = [queue[turn] for turn in range(count) for queue in queues if turn < len(queue)]
    return turns[:count]


def _scaled(record: Record) -> NDArray[np.float32]:
    return percentile_scale(read_record(record).pixels, 0.5, 99.5)


def _grid(rows: int, cols: int, title: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(0.5 + 1.5 * cols, 0.7 + 1.5 * rows), dpi=_DPI, layout="constrained")
    axes = figure.subplots(rows, cols, squeeze=False)
    for axis in axes.ravel():
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    _title_and_notice(figure, title)
    return figure, axes


def _axes(title: str, size: tuple[float, float], columns: int = 1) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
    _title_and_notice(figure, title)
    return figure, figure.subplots(1, columns)


def _title_and_notice(figure: Any, title: str) -> None:
    figure.suptitle(title, fontsize=11)
    figure.supxlabel(NOTICE, fontsize=7, color="#555555")


def _save(figure: Any, path: Path) -> None:
    from io import BytesIO

    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    write_atomic(path, buffer.getvalue())


def thumbnail_sample(records: Sequence[Record], limit: int, seed: int) -> list[Record]:
    """At most ``limit`` records, drawn by the seed, in the order of the collection."""
    return list(records) if len(records) <= limit else _drawn(records, limit, seed)
