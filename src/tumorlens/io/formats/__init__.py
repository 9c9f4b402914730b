"""The formats that are read: one module each, whose ``FORMAT`` is found by being here."""

from __future__ import annotations

import importlib
import pkgutil

from tumorlens.io.format import Format

FORMATS: tuple[Format, ...] = tuple(
    importlib.import_module(f"{__name__}.{module.name}").FORMAT for module in pkgutil.iter_modules(__path__)
)
"""Every format, by the name of its module."""

BY_NAME = {one.name: one for one in FORMATS}
