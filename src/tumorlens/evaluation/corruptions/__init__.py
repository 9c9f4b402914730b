"""Losses of image quality: published degradations, and a suite of what happens to scans in practice.

Every corruption takes float32 ``[rows, cols]`` of any intensity range and is written with NumPy and OpenCV: evaluating
needs no torch, and each is short. The tests compare those of the scanner with TorchIO's and MONAI's of the same
parameters. Lengths are relative to the longer side, so that 224 px and 512 px of one head are corrupted alike.
"""

from tumorlens.evaluation.corruptions.catalogue import FAMILIES, PUBLISHED, corruption, family_of, suite
from tumorlens.evaluation.corruptions.family import STRENGTHS, Corruption, Family

__all__ = ["FAMILIES", "PUBLISHED", "STRENGTHS", "Corruption", "Family", "corruption", "family_of", "suite"]
