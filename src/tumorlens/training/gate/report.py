"""How often a gate refuses each kind of picture, and the card that says so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.reading import read_record
from tumorlens.evaluation.degradations import blur15, down5
from tumorlens.inference.gate import Gate, open_gate
from tumorlens.inference.manifest import Manifest, Metric
from tumorlens.notice import NOTICE
from tumorlens.scan import Scan
from tumorlens.training.gate.pool import Shelf
from tumorlens.training.gate.recipe import BRAIN

Picture = NDArray[np.float32]
Z = 1.959964
BATCH = 64
CHANGED = 4
"""Every so many test slices of brains are asked changed too."""


@dataclass(frozen=True)
class Counted:
    """Refusals among the pictures of one source.

    Attributes:
        kind: what the pictures show; ``"brain"`` for real brain MRI.
        source: where they come from.
        refused: how many the gate refused.
        pictures: how many there are.
        scores: the gate's probabilities, in the order of the pictures.
    """

    kind: str
    source: str
    refused: int
    pictures: int
    scores: tuple[float, ...] = ()


@dataclass
class Refusals:
    """All that was counted."""

    rows: list[Counted] = field(default_factory=list)

    def joined(self, other: Refusals) -> Refusals:
        """Both together."""
        return Refusals([*self.rows, *other.rows])

    def metrics(self) -> tuple[Metric, ...]:
        """One figure for each kind of other picture, and for each collection, and each change, of brain MRI."""
        groups: dict[str, list[Counted]] = {}
        for row in sorted(self.rows, key=lambda one: one.kind == BRAIN):
            name = row.kind if row.kind != BRAIN else f"brain_{row.source.split(':')[0]}"
            groups.setdefault(f"refused_{name}".replace("-", "_"), []).append(row)
        others = sorted(name for name in groups if not name.startswith("refused_brain"))
        brains = [name for name in groups if name.startswith("refused_brain")]
        return tuple(_metric(name, groups[name]) for name in (*others, *brains))

    def table(self) -> str:
        """Plain lines of kind, source, refused of pictures."""
        return "\n".join(
            f"{row.kind:16}{row.source:52}{row.refused:5} of {row.pictures:5}  {row.refused / row.pictures:7.2%}"
            for row in self.rows
        )


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Ends of the 95 % interval of a share (Wilson, JASA 22(158), 1927)."""
    share, weight = hits / trials, Z * Z / trials
    middle = (share + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * float(np.sqrt(share * (1 - share) / trials + weight / (4 * trials)))
    return max(0.0, middle - half), min(1.0, middle + half)


def _metric(name: str, rows: list[Counted]) -> Metric:
    refused, pictures = sum(row.refused for row in rows), sum(row.pictures for row in rows)
    low, high = wilson(refused, pictures)
    return Metric(
        name=name,
        value=round(refused / pictures, 6),
        low=round(low, 6),
        high=round(high, 6),
        images=pictures,
        data=", ".join(f"{row.source} ({row.pictures})" for row in rows),
    )


def speed_ms(folder: Path, side: int = 512, times: int = 25, rounds: int = 8) -> float:
    """Milliseconds of preparing and answering one picture of ``side`` x ``side`` pixels on one thread.

    The lowest median of several rounds: what else runs on the machine only adds to it.
    """
    gate = open_gate(folder, threads=1)
    rows, cols = np.mgrid[:side, :side] / side - 0.5
    noise = np.random.default_rng(0).uniform(0, 80, (side, side))
    scan = Scan(np.where(np.hypot(rows, cols) < 0.4, 100 + noise, noise / 40).astype(np.float32))
    medians = []
    for _ in range(rounds):
        taken = []
        for _ in range(times):
            begun = time.perf_counter()
            gate([scan])
            taken.append(time.perf_counter() - begun)
        medians.append(float(np.median(taken)))
    return min(medians) * 1000


def holds_brain(pixels: Picture) -> bool:
    """Whether a slice is not nearly empty: a tenth of it or more is brighter than a tenth of its range."""
    low, high = float(pixels.min()), float(np.percentile(pixels, 99.5))
    return float(np.mean(pixels > low + 0.1 * (high - low))) >= 0.1 and high > low


def _turned(pixels: Picture) -> Picture:
    return np.ascontiguousarray(np.rot90(pixels))


def _upside_down(pixels: Picture) -> Picture:
    return np.ascontiguousarray(np.rot90(pixels, 2))


def _framed(pixels: Picture) -> Picture:
    """A quarter as wide as its frame, off its middle, as in a picture of a document."""
    rows, cols = pixels.shape
    side = 2 * max(rows, cols)
    top, left = side // 3, side // 2
    canvas = np.zeros((2 * side, 2 * side), dtype=np.float32)
    canvas[top : top + rows, left : left + cols] = pixels
    return canvas


def _bright_border(pixels: Picture) -> Picture:
    """With a white border and burned-in text."""
    rows, cols = pixels.shape
    wide = max(4, max(rows, cols) // 12)
    white = float(pixels.max())
    framed = cv2.copyMakeBorder(pixels, wide, wide, wide, wide, cv2.BORDER_CONSTANT, value=white)
    text = np.zeros(framed.shape, dtype=np.uint8)
    cv2.putText(text, "A 12/03", (wide + 2, wide + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.3, 1)
    return np.where(text > 0, white, framed).astype(np.float32)


CHANGES: dict[str, Callable[[Picture], Picture]] = {
    "blur15": blur15,
    "down5": down5,
    "turned": _turned,
    "upside_down": _upside_down,
    "wide_frame": _framed,
    "bright_border": _bright_border,
}
"""What brains are asked changed by."""


def count(gate: Gate, kind: str, source: str, pictures: Iterable[NDArray[Any]]) -> Counted | None:
    """Refusals among pictures ``[rows, cols]``; ``None`` where there are none."""
    scans = [Scan(np.asarray(one, dtype=np.float32)) for one in pictures if np.ptp(one) > 0]
    answers = [one for at in range(0, len(scans), BATCH) for one in gate(scans[at : at + BATCH])]
    if not answers:
        return None
    refused = sum(not one.passed for one in answers)
    return Counted(kind, source, refused, len(answers), tuple(one.score for one in answers))


def measure(folder: Path, shelves: Sequence[Shelf]) -> Refusals:
    """Ask the gate of a model folder about all pictures of some shelves; of brains every fourth changed too."""
    gate = open_gate(folder, threads=1)
    found = [count(gate, one.kind, one.source, one.pictures) for one in shelves]
    brains = [one for shelf in shelves if shelf.kind == BRAIN for one in shelf.pictures][::CHANGED]
    found += [
        count(gate, f"brain_{name}", "all of the above", (change(one.astype(np.float32)) for one in brains))
        for name, change in CHANGES.items()
    ]
    return Refusals([one for one in found if one is not None])


def read_external(folder: Path, name: str, data: Path) -> Refusals:
    """Ask about all slices of a collection that taught nothing, those with brain in them and those with a tumor apart.

    Raises:
        DatasetError: the collection is missing.
    """
    gate = open_gate(folder, threads=1)
    records = load_collection(name, data).records
    pictures = [read_record(one).pixels for one in records]
    brain = [one for one in pictures if holds_brain(one)]
    tumor = [one for one, record in zip(pictures, records, strict=True) if record.is_tumor]
    groups = {name: brain, f"{name}-all": pictures, f"{name}-tumor": tumor}
    found = [count(gate, BRAIN, source, those) for source, those in groups.items()]
    return Refusals([one for one in found if one is not None])


def card(manifest: Manifest, milliseconds: float, notes: Sequence[str] = ()) -> str:
    """Markdown card of the gate (Mitchell et al., Model Cards for Model Reporting, FAT* 2019).

    Args:
        manifest: of the gate.
        milliseconds: that it takes for a picture.
        notes: further sections, in Markdown.
    """
    training = manifest.training
    guard = (
        ""
        if manifest.least_values is None
        else f"; a picture of fewer than {manifest.least_values} distinct values, or of flat patches alone, is refused "
        "without asking the network"
    )
    lines = [
        f"# {manifest.name} {manifest.version}",
        "",
        f"{manifest.title}. **{NOTICE}**",
        "",
        f"- Task: gate; a probability above {manifest.threshold:.4f} lets the picture through{guard}",
        f"- Input: the head (or what is found in its place) in grey, {manifest.preprocessing.size[0]} x "
        f"{manifest.preprocessing.size[1]} px, crop {manifest.preprocessing.crop}",
        f"- Time: {milliseconds:.1f} ms for a picture of 512 x 512 px, preparation included, on one thread",
        f"- Licence of the weights: {manifest.licence}; sha256 `{manifest.sha256}`",
        f"- Largest difference of probabilities between torch and ONNX Runtime: {manifest.parity:.1e}",
        "",
        "## Figures",
        "",
        "Shares refused, with 95 % Wilson intervals. They take pictures for independent; slices of one volume are not.",
        "",
        "| figure | refused | 95 % interval | pictures | sources |",
        "|---|---|---|---|---|",
        *(
            f"| {one.name} | {one.value:.4f} | {one.low:.4f} to {one.high:.4f} | {one.images} | {one.data} |"
            for one in manifest.metrics
        ),
        "",
        "`refused_<kind>` is to be high (95 % is the aim for each kind), `refused_brain_...` low (3 % is the aim). "
        "Test pictures named `made` are drawn by the makers that taught the gate, from other seeds: their figures say "
        "less than those of real pictures and of the table of kinds left out. Blur and down-sampling are those of "
        "`tumorlens robustness` at full strength; in `wide_frame` the head fills a quarter of the width. Of an "
        "external collection, `NAME_all` counts the nearly empty slices beyond the crown too, `NAME` those whose "
        "foreground fills a tenth of the picture or more, `NAME_tumor` those with a tumor.",
        "",
        *notes,
        "## Data",
        "",
        f"Fitted on {training.images} pictures, {training.phantoms} made heads among them, each varied anew whenever "
        "it is drawn: slices of brains of "
        f"{training.collection}, without images that resemble a test image; made pictures of "
        "`tumorlens.datasets.non_brain`; pictures made of the slices (CT of the head, masks, maps, scrambled tiles); "
        "and pictures of packages, each of which served fitting or testing, never both. Licences: "
        f"{training.data_licence}.",
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in manifest.limits),
        "",
        "## Recipe",
        "",
        f"`tumorlens train {training.recipe} --data DATASETS --out RUN` ({training.epochs} epochs, seed "
        f"{training.seed}).",
        "",
    ]
    return "\n".join(lines)
