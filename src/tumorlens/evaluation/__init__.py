"""How good an answer is: figures with their uncertainty."""

from tumorlens.evaluation.calibration import CalibrationFigures, calibration_figures, fit_temperature, tempered
from tumorlens.evaluation.classification import (
    ClassificationFigures,
    classification_intervals,
    classification_report,
    known_labels,
    pr_curves,
    roc_curves,
)
from tumorlens.evaluation.conformal import (
    CoverageFigures,
    area_coverage,
    coverage_figures,
    fit_area_factors,
    fit_threshold,
    prediction_set,
)
from tumorlens.evaluation.intervals import Interval, bootstrap, bootstrap_many, bootstrap_mean
from tumorlens.evaluation.overlap import dice
from tumorlens.evaluation.paired import (
    Comparison,
    PairedTest,
    compare_classifiers,
    compare_outlines,
    holm,
    mcnemar,
    paired_difference,
    wilcoxon,
)
from tumorlens.evaluation.segmentation import OutlineFigures, outline_figures, size_bins, summarize
from tumorlens.evaluation.selective import SelectiveFigures, selective_figures

__all__ = [
    "CalibrationFigures",
    "ClassificationFigures",
    "Comparison",
    "CoverageFigures",
    "Interval",
    "OutlineFigures",
    "PairedTest",
    "SelectiveFigures",
    "area_coverage",
    "bootstrap",
    "bootstrap_many",
    "bootstrap_mean",
    "calibration_figures",
    "classification_intervals",
    "classification_report",
    "compare_classifiers",
    "compare_outlines",
    "coverage_figures",
    "dice",
    "fit_area_factors",
    "fit_temperature",
    "fit_threshold",
    "holm",
    "known_labels",
    "mcnemar",
    "outline_figures",
    "paired_difference",
    "pr_curves",
    "prediction_set",
    "roc_curves",
    "selective_figures",
    "size_bins",
    "summarize",
    "tempered",
    "wilcoxon",
]
