"""Options and arguments that several commands share word for word, and what they open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tumorlens.inference import Analyzer
    from tumorlens.io.request import ReadRequest

OtherClassifier = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Another reader, classifier or ensemble: its folder, or its run's.")
]
OtherSegmenter = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Another segmenter: its folder, or its run's.")
]

OneVolume = Annotated[
    int | None,
    typer.Option(metavar="K", min=0, help="Volume of several (echoes, time points), from 0; the first by default."),
]
Memory = Annotated[
    float, typer.Option(metavar="GIB", min=0.000001, help="Memory that the voxels of one scan may take.")
]

EvaluatedData = Annotated[
    Path, typer.Option(metavar="DIR", help="Folder of the collection, of several, or of your scans.")
]
EvaluatedSplit = Annotated[
    str | None, typer.Option(metavar="NAME|FILE", help="Split to take the part from; the model's own by default.")
]
EvaluatedPart = Annotated[str, typer.Option(metavar="PART", help="train, validation, test or all.")]
CohortTable = Annotated[
    Path | None, typer.Option(metavar="CSV", help="Your own cohort: a table with path,label and maybe mask,group.")
]
EvaluatedCollection = Annotated[
    str | None, typer.Option(metavar="NAME", help="Collection in DIR; the model's own by default.")
]
JoinedRuns = Annotated[
    list[str], typer.Argument(metavar="RUN...", help="Folders of runs or models, two or more of the same classes.")
]


def open_analyzer(classifier: Path | None, segmenter: Path | None) -> Analyzer:
    """The models that the two options name, or those that ship; one processor thread each, for scans come side by side.

    Raises:
        WeightsError: a folder holds no such model, or one that is altered or does another task.
    """
    from tumorlens.inference import Analyzer
    from tumorlens.inference.shipped import model_folder

    return Analyzer(classifier and model_folder(classifier), segmenter and model_folder(segmenter), threads=1)


def read_request(volume: int | None, memory_gib: float) -> ReadRequest:
    """What the options ``--volume`` and ``--memory`` ask of a reader."""
    from tumorlens.io.request import ReadRequest

    return ReadRequest(volume, int(memory_gib * 2**30))
