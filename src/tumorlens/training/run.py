"""The folder of one training run: what lies where, and that it belongs to one recipe."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tumorlens.errors import OutputError, TrainingError
from tumorlens.io.atomic import write_atomic
from tumorlens.training.recipe import Recipe


@dataclass(frozen=True)
class RunFolder:
    """Paths below ``root``: ``recipe.json environment.json data.json split.json logs/ checkpoints/ export/``."""

    root: Path

    @property
    def checkpoints(self) -> Path:
        """Folder of ``best.ckpt`` and ``last.ckpt``."""
        return self.root / "checkpoints"

    @property
    def export(self) -> Path:
        """Folder of ``model.onnx`` and ``manifest.json``."""
        return self.root / "export"

    @property
    def last(self) -> Path:
        """Checkpoint of the newest finished epoch."""
        return self.checkpoints / "last.ckpt"

    @property
    def best(self) -> Path:
        """Checkpoint of the epoch with the highest validation metric."""
        return self.checkpoints / "best.ckpt"

    @property
    def restored(self) -> Path:
        """Weights that early stopping restores, where the recipe says so."""
        return self.checkpoints / "restored.ckpt"

    def start(self, recipe: Recipe, *, resume: bool) -> None:
        """Create the folder, or check that it may be gone on with.

        Raises:
            OutputError: it holds a run and ``resume`` is not set, or cannot be made.
            TrainingError: it holds a run of another recipe, or nothing to resume.
        """
        document = recipe.model_dump_json(indent=1) + "\n"
        kept = self.root / "recipe.json"
        if resume:
            if not kept.is_file() or not self.last.is_file():
                raise TrainingError(f"There is nothing to resume in {self.root}: start the run without --resume.")
            if kept.read_text(encoding="utf-8") != document:
                raise TrainingError(
                    f"{self.root} holds a run of another recipe or other settings: resume with the same, or choose "
                    "another --out."
                )
            return
        if self.root.is_dir() and any(self.root.iterdir()):
            raise OutputError(f"{self.root} is not empty: pass --resume to go on with it, or choose another --out.")
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"The run folder {self.root} cannot be made: {error.strerror}.") from error
        write_atomic(kept, document.encode())

    def write_json(self, name: str, values: Any) -> None:
        """Write ``values`` as ``name`` in the folder, whole or not at all."""
        write_atomic(self.root / name, (json.dumps(values, indent=1, default=str) + "\n").encode())

    def write_text(self, name: str, text: str) -> None:
        """Write ``text`` as ``name`` in the folder, whole or not at all."""
        write_atomic(self.root / name, text.encode())
