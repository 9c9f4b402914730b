"""The table of measurements: documents, columns, tables, the page and the docs are derived from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["area", "length", "ratio"]
BodyKind = Literal["count", "length", "area", "volume", "ratio", "place"]
Unit = Literal["px", "mm"]


@dataclass(frozen=True, eq=False)
class Shape:
    """What a measure's function sees of a region.

    Attributes:
        hull: vertices ``[n, 2]`` of ``(row, col)`` in pixels of the convex hull.
        outline: smoothed outline ``[edges, 2]`` of ``(row, col)`` in pixels.
        area_px: its pixels.
        enclosed_px: its pixels and those of its holes.
    """

    hull: NDArray[np.float64]
    outline: NDArray[np.float64]
    area_px: int
    enclosed_px: float


@dataclass(frozen=True)
class Measure:
    """One measurement of a region.

    Attributes:
        name: stem of the field names: areas and lengths have one in pixels and one in millimeters, a ratio has one.
        kind: ``"area"``, ``"length"`` or ``"ratio"``.
        title: on every surface.
        text: formula in words, for the schema and the docs.
        source: who defined it, for the docs.
        function: ``(shape, spacing) -> value`` in the unit of the spacing (pixels: 1 by 1); ``None`` for an attribute
            of ``Region`` itself.
        decimals: in tables.
        whole: the value in pixels is a whole number.
        required: every stored document has it; a measure added later does not.
        in_csv: it has columns in ``summary.csv``.
        short: head of its column where space is scarce, else the title in small letters.
    """

    name: str
    kind: Kind
    title: str
    text: str
    source: str = ""
    function: Callable[[Shape, tuple[float, float]], float] | None = None
    decimals: int = 1
    whole: bool = False
    required: bool = False
    in_csv: bool = True
    short: str | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of its values in a document and of its columns."""
        if self.kind == "ratio":
            return (self.name,)
        return (f"{self.name}_px", f"{self.name}_{'mm2' if self.kind == 'area' else 'mm'}")

    def field(self, unit: Unit) -> str:
        """The name of its value in a unit."""
        return self.fields[0 if unit == "px" else -1]

    @property
    def head(self) -> str:
        """Head of its column."""
        return self.short or self.title.lower()

    def cell(self, value: float | None, decimals: int | None = None) -> str:
        """A value in a table; a dash where there is none."""
        if value is None:
            return "-"
        return f"{value:.{self.decimals if decimals is None or self.kind == 'ratio' else decimals}f}"


MEASURES: tuple[Measure, ...] = (
    Measure("area", "area", "Area", "Number of pixels.", whole=True, required=True),
    Measure(
        "perimeter", "length", "Perimeter", "Length of the outer boundary.", "Tukey 1977; Steiner 1840", required=True
    ),
    Measure("width", "length", "Width", "Columns of bbox.", whole=True, required=True),
    Measure("height", "length", "Height", "Rows of bbox.", whole=True, required=True),
    Measure(
        "longest_diameter",
        "length",
        "Longest diameter",
        "Largest distance between midpoints of outer pixel edges.",
        "maximal Feret diameter; Zwanenburg et al. 2020",
        required=True,
        in_csv=False,
        short="longest",
    ),
    Measure(
        "perpendicular_diameter",
        "length",
        "Perpendicular diameter",
        "Longest chord of the convex hull at a right angle to the longest diameter.",
        "RANO: Wen et al. 2010",
        in_csv=False,
        short="across",
    ),
    Measure(
        "circularity",
        "ratio",
        "Circularity",
        "4 pi area / perimeter squared; 1 for a disc.",
        "Osserman 1978",
        decimals=3,
        required=True,
    ),
)


@dataclass(frozen=True)
class BodyMeasure:
    """One measurement of a body in space.

    Attributes:
        name: of the attribute of ``Body``, of the field and of the column.
        kind: what is measured; a ``"place"`` has several numbers.
        title: on every surface.
        unit: of the value; empty for counts and ratios.
        decimals: in tables.
        text: formula in words, for the docs.
        source: who defined it, for the docs.
        in_table: it has a column in the tables that people read.
        short: head of that column on a terminal, else the title in small letters.
    """

    name: str
    kind: BodyKind
    title: str
    unit: str
    decimals: int
    text: str
    source: str = ""
    in_table: bool = False
    short: str | None = None

    @property
    def head(self) -> str:
        """Head of its column."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    def cell(self, value: float | None) -> str:
        """A value in a table; a dash where there is none."""
        return "-" if value is None else f"{value:,.{self.decimals}f}"


BODY_MEASURES: tuple[BodyMeasure, ...] = (
    BodyMeasure("voxels", "count", "Voxels", "", 0, "Number of voxels n, holes left out.", in_table=True),
    BodyMeasure("volume_mm3", "volume", "Volume", "mm³", 0, "n s_r s_c s_z; s_z is the distance between slices."),
    BodyMeasure("volume_ml", "volume", "Volume", "ml", 2, "The same / 1000.", in_table=True, short="ml"),
    BodyMeasure("slices_touched", "count", "Slices", "", 0, "Number of slices that hold a part of it.", in_table=True),
    BodyMeasure("first_slice", "count", "First slice", "", 0, "The first of them, counted from 0."),
    BodyMeasure("last_slice", "count", "Last slice", "", 0, "The last of them."),
    BodyMeasure(
        "largest_slice", "count", "Largest slice", "", 0, "The slice with most of its pixels.", "", True, "largest"
    ),
    BodyMeasure(
        "longest_diameter_mm", "length", "Longest diameter", "mm", 1,
        "Of its largest region on the largest slice.", "Wen et al. 2010", True, "longest mm",
    ),
    BodyMeasure(
        "perpendicular_mm", "length", "Perpendicular diameter", "mm", 1,
        "Longest chord at a right angle to it in the same plane.", "Wen et al. 2010", True, "across mm",
    ),
    BodyMeasure(
        "longest_diameter_3d_mm", "length", "Longest diameter in space", "mm", 1,
        "Largest distance between midpoints of outer pixel edges of any two slices.", "maximal Feret diameter",
        True, "3-D mm",
    ),
    BodyMeasure(
        "surface_mm2", "area", "Surface", "mm²", 0,
        "2 sum w_k N_k v / d_k over 13 directions, holes filled, and never below the ball's of that volume.",
        "Lehmann and Legland 2012", True, "surface mm²",
    ),
    BodyMeasure(
        "sphericity", "ratio", "Sphericity", "", 3, "(36 pi volume^2)^(1/3) / surface; 1 for a ball.", "Wadell 1935",
        True,
    ),
    BodyMeasure("bbox", "place", "Box", "", 0, "Half-open slice0, row0, col0, slice1, row1, col1."),
    BodyMeasure("centroid", "place", "Centroid", "", 1, "Mean (slice, row, col) of the voxel centers."),
    BodyMeasure("centroid_ras_mm", "place", "Centroid, RAS+", "mm", 1, "Affine times the centroid."),
    BodyMeasure("centroid_lps_mm", "place", "Centroid, LPS+", "mm", 1, "The same with the first two signs turned."),
)  # fmt: skip


def document_fields() -> dict[str, tuple[Any, Any, str | None]]:
    """``(type, default or ..., description)`` of each field of a region's document."""
    found: dict[str, tuple[Any, Any, str | None]] = {}
    for measure in MEASURES:
        for index, name in enumerate(measure.fields):
            of_type: Any = int if measure.whole and index == 0 else float
            if index > 0 or not measure.required:
                of_type = of_type | None
            found[name] = (of_type, ... if measure.required else None, measure.text if index == 0 else None)
    return found


def columns() -> tuple[str, ...]:
    """Measurement columns of ``summary.csv``."""
    return ("regions", *(name for measure in MEASURES if measure.in_csv for name in measure.fields))


def computed(shape: Shape, spacing: tuple[float, float] | None) -> dict[str, float | None]:
    """Values by field of the measures that have a function."""
    found: dict[str, float | None] = {}
    for measure in MEASURES:
        if measure.function is None:
            continue
        scaled = None if spacing is None else measure.function(shape, spacing)
        pixels = measure.function(shape, (1.0, 1.0))
        if measure.kind == "ratio":
            found[measure.name] = pixels if scaled is None else scaled
        else:
            found |= dict(zip(measure.fields, (pixels, scaled), strict=True))
    return found


def heads(unit: Unit) -> list[str]:
    """Heads of a table of regions: the area in pixels and, where there are millimeters, in these, then the rest."""
    areas = ["area px"] if unit == "px" else ["area px", "area mm²"]
    return areas + [measure.head for measure in MEASURES[1:]]


def cells(values: Mapping[str, Any], unit: Unit, decimals: int | None = None) -> list[str]:
    """The row below :func:`heads`."""
    area = MEASURES[0]
    areas = [str(values[area.fields[0]])]
    if unit == "mm":
        areas.append(area.cell(values[area.fields[1]], decimals))
    return areas + [_cell(measure, values.get(measure.field(unit)), unit, decimals) for measure in MEASURES[1:]]


def _cell(measure: Measure, value: float | None, unit: Unit, decimals: int | None) -> str:
    return str(value) if measure.whole and unit == "px" else measure.cell(value, decimals)


def body_heads(*, short: bool = False) -> list[str]:
    """Heads of a table of bodies; ``short`` where space is scarce."""
    shown = [one for one in BODY_MEASURES if one.in_table]
    return [one.short or one.title.lower() for one in shown] if short else [one.head for one in shown]


def body_cells(values: Mapping[str, Any]) -> list[str]:
    """The row below :func:`body_heads`."""
    return [one.cell(values[one.name]) for one in BODY_MEASURES if one.in_table]


def body_columns() -> tuple[str, ...]:
    """Columns of a table of bodies for machines: all measures of one number."""
    return tuple(one.name for one in BODY_MEASURES if one.kind != "place")


def for_page() -> list[dict[str, Any]]:
    """What the page shows, as JSON: the names of the fields, the kind and the title of each measure."""
    return [
        {
            "name": measure.name,
            "kind": measure.kind,
            "title": measure.title,
            "px": measure.field("px"),
            "mm": measure.field("mm"),
            "decimals": min(measure.decimals, 2),
        }
        for measure in MEASURES
    ]


def markdown() -> str:
    """The tables of ``docs/measurements.md``."""
    lines = ["| field | title | formula | source |", "|---|---|---|---|"]
    for measure in MEASURES:
        names = ", ".join(f"`{name}`" for name in measure.fields)
        lines.append(f"| {names} | {measure.title} | {measure.text} | {measure.source} |")
    lines += ["", "| field of a body | title | unit | formula | source |", "|---|---|---|---|---|"]
    lines += [f"| `{one.name}` | {one.title} | {one.unit} | {one.text} | {one.source} |" for one in BODY_MEASURES]
    return "\n".join(lines) + "\n"
