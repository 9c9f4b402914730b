"""How good an answer is: figures with their uncertainty."""

from tumorlens.evaluation.intervals import Interval, bootstrap_mean
from tumorlens.evaluation.overlap import dice

__all__ = ["Interval", "bootstrap_mean", "dice"]
