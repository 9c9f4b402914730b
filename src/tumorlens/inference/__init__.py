"""From a scan to its :class:`Analysis`, on models that are described by their manifests."""

from tumorlens.inference.analysis import Analysis, Failure
from tumorlens.inference.analyze import Analyzer, analyze, analyze_many
from tumorlens.inference.manifest import Manifest, read_manifest
from tumorlens.inference.shipped import shipped_models
from tumorlens.request import AnalysisRequest

__all__ = [
    "Analysis",
    "AnalysisRequest",
    "Analyzer",
    "Failure",
    "Manifest",
    "analyze",
    "analyze_many",
    "read_manifest",
    "shipped_models",
]
