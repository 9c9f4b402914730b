"""``tumorlens measure``: measure a mask that is already there."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorlens.cli.group import print_line
from tumorlens.cli.options import Memory, OneVolume, read_request
from tumorlens.errors import InputError
from tumorlens.notice import NOTICE
from tumorlens.scan import parse_spacing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tumorlens.io.request import ReadRequest
    from tumorlens.measurement import Region
    from tumorlens.scan import Scan, Slice

_HALF = 0.5


def measure(
    mask: Annotated[Path, typer.Argument(metavar="MASK", help="File with two values: region and background.")],
    spacing: Annotated[
        str | None, typer.Option(metavar="ROW,COL", help="Pixel spacing in mm, for example 0.49,0.49.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
    volume: OneVolume = None,
    memory: Memory = 1.0,
) -> None:
    """Measure the regions of a mask: area, perimeter, width, height, diameters, circularity; in 3-D for a volume.

    Millimeters appear only where the file carries a spacing or --spacing states one.

    Example: tumorlens measure mask.png --spacing 0.49,0.49
    """
    from tumorlens.inference.document import rounded
    from tumorlens.measurement import measure_mask, summarize

    chosen = None if spacing is None else parse_spacing(spacing)
    whole = _read_mask(mask, read_request(volume, memory))
    if chosen is not None:
        whole = whole.with_spacing(chosen)
    if len(whole.pixels) > 1:
        _measure_volume(mask, whole, json=json)
        return
    scan = whole.slice(0)
    spacing_mm = scan.spacing_mm
    foreground = _foreground(scan.pixels)
    regions = measure_mask(foreground, spacing_mm)
    warnings = [*scan.warnings, *_doubts(foreground)]
    if not json:
        _print_table(mask, scan, regions)
        for warning in warnings:
            print_line("Note", warning)
        return
    document = {
        "notice": NOTICE,
        "path": str(mask),
        "shape": list(scan.shape),
        "spacing_mm": None if spacing_mm is None else list(spacing_mm),
        "spacing_source": scan.spacing_source,
        "regions": [rounded(region.to_dict()) for region in regions],
        "summary": rounded(summarize(regions).to_dict()),
        "warnings": warnings,
    }
    typer.echo(json_module.dumps(document, ensure_ascii=False))


def _read_mask(path: Path, request: ReadRequest) -> Scan:
    """The mask, of one slice or several.

    Raises:
        InputError: the file cannot be read.
    """
    from tumorlens.io import read_scan

    try:
        return read_scan(path, request)
    except InputError as error:
        if "same value" in str(error):
            raise _one_value() from error
        raise


def _measure_volume(path: Path, scan: Scan, *, json: bool) -> None:
    """Measure the bodies of a mask of several slices, and print them."""
    import numpy as np

    from tumorlens.inference.document import rounded
    from tumorlens.measurement import measure_volume

    foreground = _foreground(scan.pixels)
    plane = scan.slice(0).spacing_mm
    bodies = measure_volume(foreground, plane, scan.slice_mm, scan.affine)
    warnings = [*scan.warnings, *_doubts(np.asarray(foreground.any(axis=0)))]
    values = [rounded(one.to_dict()) for one in bodies]
    if json:
        document = {
            "notice": NOTICE,
            "path": str(path),
            "shape": list(scan.shape),
            "spacing_mm": None if plane is None else list(plane),
            "spacing_source": scan.spacing_source,
            "slice_mm": scan.slice_mm,
            "lesions": values,
            "warnings": warnings,
        }
        typer.echo(json_module.dumps(document, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.text import Text

    from tumorlens.cli.report import bodies_table

    console = Console()
    count = f"{len(bodies)} {'body' if len(bodies) == 1 else 'bodies'} in {len(scan.pixels)} slices"
    console.print(Text(f"{path}: {count}"), soft_wrap=True)
    console.print(bodies_table(values))
    if plane is None or scan.slice_mm is None:
        console.print(Text("The file does not state all distances, so volumes are in voxels alone."))
    console.print(Text(NOTICE))
    for warning in warnings:
        print_line("Note", warning)


def _foreground(pixels: NDArray[np.generic]) -> NDArray[np.bool_]:
    """The higher of the two values of a mask.

    Raises:
        InputError: there are not exactly two values.
    """
    import numpy as np

    low, high = pixels.min(), pixels.max()
    if low == high:
        raise _one_value()
    foreground: NDArray[np.bool_] = pixels == high
    if np.count_nonzero(foreground) + np.count_nonzero(pixels == low) != pixels.size:
        count = len(np.unique(pixels))
        raise InputError(
            f"This picture has {count} values, and a mask has exactly two: threshold it first and save it without loss "
            "(PNG, not JPEG)."
        )
    return foreground


def _doubts(foreground: NDArray[np.bool_]) -> list[str]:
    """A sentence where the mask looks drawn black on white: its lighter value makes up the border, or most of it.

    It is not turned: a region that fills the picture looks the same.
    """
    import numpy as np

    border = np.concatenate([foreground[0], foreground[-1], foreground[1:-1, 0], foreground[1:-1, -1]])
    if border.mean() <= _HALF:
        return []
    return [
        "The lighter value was measured, and it makes up most of the picture's border: if the mask is drawn black on "
        "white, invert it first."
    ]


def _one_value() -> InputError:
    return InputError(
        "This picture has one value throughout, so it marks nothing: a mask needs two values, region and background."
    )


def _print_table(path: Path, scan: Slice, regions: tuple[Region, ...]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tumorlens.measurement import measures

    unit: measures.Unit = "px" if scan.spacing_mm is None else "mm"
    count = f"{len(regions)} region{'' if len(regions) == 1 else 's'}"
    table = Table(box=SIMPLE_HEAD, padding=0)
    for name in ("row, col", *measures.heads(unit)):
        table.add_column(name, justify="right", no_wrap=True)
    for region in regions:
        place = f"{region.centroid[0]:.1f}, {region.centroid[1]:.1f}"
        table.add_row(place, *measures.cells(region.to_dict(), unit, decimals=2))
    if scan.spacing_mm is not None:
        stated = f"Spacing {scan.spacing_mm[0]:g} x {scan.spacing_mm[1]:g} mm (row x col), from: {scan.spacing_source}."
    else:
        stated = "The file states no spacing, so lengths are in pixels: --spacing ROW,COL gives millimeters."
    console = Console()
    console.print(Text(f"{path}: {count}, lengths in {unit}"), soft_wrap=True)
    console.print(table)
    console.print(Text(stated))
    console.print(Text(NOTICE))
