"""The models that come with the package."""

from __future__ import annotations

import os
from pathlib import Path

from tumorlens.errors import WeightsError
from tumorlens.inference.manifest import MANIFEST_FILE

DEFAULT_CLASSIFIER = "classifier-small"
DEFAULT_SEGMENTER = "segmenter-small"
DEFAULT_GATE = "gate-small"
DEFAULT_READER = "reader-lite0"
REQUIRED = (DEFAULT_CLASSIFIER, DEFAULT_GATE, DEFAULT_SEGMENTER)


def weights_folder() -> Path:
    """Folder of the models: the package's own, or the one that ``TUMORLENS_WEIGHTS`` names."""
    chosen = os.environ.get("TUMORLENS_WEIGHTS")
    return Path(chosen) if chosen else Path(__file__).parent.parent / "weights"


def shipped_models() -> list[Path]:
    """Folders of all models that ship, sorted by name."""
    folder = weights_folder()
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST_FILE}"))


def shipped_model(name: str) -> Path:
    """Folder of one model.

    Raises:
        WeightsError: no such model ships.
    """
    folder = weights_folder() / name
    if not folder.is_dir():
        known = ", ".join(path.name for path in shipped_models()) or "none"
        raise WeightsError(f"There is no model '{name}' in {weights_folder()}; there are: {known}.")
    return folder


def default_model() -> Path:
    """Folder of the model that names what a scan shows: the reader, or the classifier where no reader ships.

    Raises:
        WeightsError: neither ships.
    """
    reader = weights_folder() / DEFAULT_READER
    return reader if reader.is_dir() else shipped_model(DEFAULT_CLASSIFIER)


def model_folder(path: Path) -> Path:
    """The model folder that a user names: itself, the ``export`` of a run or ensemble, or a model that ships.

    Raises:
        WeightsError: it is none of these.
    """
    for folder in (path, path / "export", weights_folder() / path):
        if (folder / MANIFEST_FILE).is_file():
            return folder
    known = ", ".join(one.name for one in shipped_models()) or "none"
    raise WeightsError(
        f"'{path}' is no model folder, no exported run and no model that ships ({known}): pass one of these."
    )
