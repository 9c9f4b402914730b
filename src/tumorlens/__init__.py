"""tumorlens reads brain-tumor MRI: class, outline and measurements. Research use, not a medical device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tumorlens._version import __version__
from tumorlens.labels import CLASSES, TumorClass
from tumorlens.scan import Scan

if TYPE_CHECKING:
    from tumorlens.inference.analysis import Analysis, Failure
    from tumorlens.inference.analyze import analyze, analyze_many

__all__ = ["CLASSES", "Analysis", "Failure", "Scan", "TumorClass", "__version__", "analyze", "analyze_many"]

_LAZY = {
    "Analysis": "tumorlens.inference.analysis",
    "Failure": "tumorlens.inference.analysis",
    "analyze": "tumorlens.inference.analyze",
    "analyze_many": "tumorlens.inference.analyze",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'tumorlens' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
