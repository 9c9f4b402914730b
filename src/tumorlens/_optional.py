"""Imports that only an extra provides."""

from __future__ import annotations

import importlib
from types import ModuleType

from tumorlens.errors import MissingExtraError


def require(module: str, extra: str) -> ModuleType:
    """Import ``module``, or say which extra brings it.

    Raises:
        MissingExtraError: the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if error.name is None or module.split(".")[0] != error.name.split(".")[0]:
            raise
        raise MissingExtraError(
            f"This needs the package '{module}', which is not installed: run pip install 'tumorlens[{extra}]'."
        ) from error
