"""A session for a model folder, of the task that is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tumorlens.errors import WeightsError
from tumorlens.inference.session import ModelSession


def open_session(
    folder: Path, task: Literal["classification", "segmentation", "gate", "reading"], threads: int
) -> ModelSession:
    """Load the model of a folder.

    Raises:
        WeightsError: it is missing, altered, or does another task.
    """
    session = ModelSession(folder, threads)
    if session.manifest.task != task:
        raise WeightsError(f"The model in {folder} does {session.manifest.task}, and one for {task} is needed here.")
    return session
