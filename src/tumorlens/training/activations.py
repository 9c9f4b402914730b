"""A picture of what a convolutional network makes of an image on the way: one row of maps for each layer."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from tumorlens.errors import UsageError
from tumorlens.io.atomic import write_atomic
from tumorlens.models.describe import intermediate_maps
from tumorlens.notice import NOTICE

Maps = dict[str, NDArray[np.float32]]
MOST_LAYERS = 8
COLUMNS = 12


def network_maps(network: nn.Module, image: NDArray[np.float32], layers: Sequence[str] | None = None) -> Maps:
    """Maps ``[channels, rows, cols]`` of the layers named, or of convolutions spread evenly over the depth.

    Args:
        network: of any run.
        image: a prepared input, float32 ``[channels, rows, cols]``.
        layers: names of layers; at most :data:`MOST_LAYERS` convolutions for ``None``.

    Raises:
        UsageError: the network has no convolution, or no such layer, or a layer gives no maps.
    """
    known = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    if not known:
        raise UsageError("This network has no convolution, so it makes no maps: choose a run of a convolutional one.")
    if layers is not None and not layers:
        raise UsageError(f"No layer is named: name some, such as {', '.join(known[:4])}.")
    if layers is not None:
        return intermediate_maps(network, image, layers)
    # Asked of all layers first, for some that a backbone has are never run.
    every = intermediate_maps(network, image)
    found = [name for name in every if name in set(known)]
    # VGG's fc1 and fc2 are convolutions whose maps have one pixel: left out where others have something to show.
    found = [name for name in found if every[name][0].size > 1] or found
    chosen = sorted({round(place) for place in np.linspace(0, len(found) - 1, min(MOST_LAYERS, len(found)))})
    return {found[place]: every[found[place]] for place in chosen}


def draw_maps(image: NDArray[np.float32], maps: Maps, path: Path, title: str) -> tuple[Path, Path]:
    """Draw the input and, row by row, channels of each layer, each map between its own extremes.

    Args:
        image: the network's input, ``[channels, rows, cols]``.
        maps: of each layer, in order.
        path: the PNG; an SVG of the same name is written beside it.
        title: headline.

    Returns:
        Paths of the PNG and of the SVG.

    Raises:
        OutputError: they cannot be written.
    """
    with matplotlib.rc_context({"svg.hashsalt": "tumorlens", "svg.fonttype": "none"}):
        figure = _figure(image, maps, title)
        paths = path.with_suffix(".png"), path.with_suffix(".svg")
        options: tuple[dict[str, Any], ...] = ({"dpi": 150}, {"metadata": {"Date": None}, "dpi": 72})
        for one, option in zip(paths, options, strict=True):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=one.suffix[1:], **option)
            write_atomic(one, buffer.getvalue())
    return paths


def _figure(image: NDArray[np.float32], maps: Maps, title: str) -> Figure:
    columns = min(COLUMNS, max(len(one) for one in maps.values()))
    rows = len(maps)
    figure = Figure(figsize=(2.9 + 0.85 * columns, 0.75 + 0.95 * rows), layout="constrained")
    figure.suptitle(title, fontsize=11)
    figure.supxlabel(
        f"Each map is scaled between its own lowest (dark) and highest value. {NOTICE}", fontsize=7, color="0.4"
    )
    grid = figure.add_gridspec(rows, columns + 2, width_ratios=[1.6, 1.1, *([1] * columns)])
    first = figure.add_subplot(grid[0, 0])
    _show(first, image.mean(axis=0), "gray")
    first.set_title("input", fontsize=7)
    for row, (name, values) in enumerate(maps.items()):
        label = figure.add_subplot(grid[row, 1])
        label.axis("off")
        channels, height, width = values.shape
        shown = np.unique(np.linspace(0, channels - 1, min(columns, channels)).round().astype(int))
        count = f"{len(shown)} of {channels} maps" if len(shown) < channels else f"{channels} maps"
        words = f"{_short(name)}\n{count}\n{height} x {width}"
        label.text(1.0, 0.5, words, ha="right", va="center", fontsize=6.5, transform=label.transAxes)
        for column, channel in enumerate(shown):
            _show(figure.add_subplot(grid[row, column + 2]), values[channel], "viridis")
    return figure


def _short(name: str, most: int = 22) -> str:
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _show(axes: Any, picture: NDArray[np.float32], colors: str) -> None:
    axes.imshow(picture, cmap=colors, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_linewidth(0.3)
