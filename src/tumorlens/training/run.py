"""The folder of one training run: what lies where, and that it belongs to one recipe."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tumorlens.errors import OutputError, TrainingError
from tumorlens.io.atomic import write_atomic
from tumorlens.training.recipe import AnyRecipe

DESCRIBING = ("title", "published", "notes", "version", "licence", "limits")
"""Fields of a recipe that say something about a run and change nothing in it."""


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

    def start(self, recipe: AnyRecipe, *, resume: bool) -> None:
        """Create the folder, or check that it may be gone on with.

        Raises:
            OutputError: it holds a run and ``resume`` is not set, or cannot be made.
            TrainingError: it holds a run of another recipe, or nothing to resume.
        """
        kept = self.root / "recipe.json"
        if resume:
            if not kept.is_file() or not self.last.is_file():
                raise TrainingError(f"There is nothing to resume in {self.root}: start the run without --resume.")
            if not self._is_of(recipe, kept):
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
        write_atomic(kept, (recipe.model_dump_json(indent=1) + "\n").encode())

    @staticmethod
    def _is_of(recipe: AnyRecipe, kept: Path) -> bool:
        """Whether the run was started with all that decides its training; what describes it may have changed."""
        try:
            before = type(recipe).model_validate_json(kept.read_bytes())
        except ValidationError:
            return False
        told = {name: getattr(recipe, name) for name in DESCRIBING if name in type(recipe).model_fields}
        return before.model_copy(update=told) == recipe

    def write_json(self, name: str, values: Any) -> None:
        """Write ``values`` as ``name`` in the folder, whole or not at all."""
        write_atomic(self.root / name, (json.dumps(values, indent=1, default=str) + "\n").encode())

    def read_json(self, name: str) -> dict[str, Any]:
        """Values that :meth:`write_json` wrote.

        Raises:
            TrainingError: the file is missing or damaged.
        """
        try:
            values: dict[str, Any] = json.loads((self.root / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{self.root / name} cannot be read, so the run cannot be resumed: start it in another --out."
            ) from error
        return values

    def write_text(self, name: str, text: str) -> None:
        """Write ``text`` as ``name`` in the folder, whole or not at all."""
        write_atomic(self.root / name, text.encode())
