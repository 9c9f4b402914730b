"""Random changes of training images. Sampling parameters is apart from applying them, so that a run can be replayed."""

from tumorlens.augmentation.affine import Affine, AffineRange
from tumorlens.augmentation.elastic import Elastic, ElasticRange
from tumorlens.augmentation.intensity import Intensity, IntensityRange
from tumorlens.augmentation.pipeline import Augmentation, Sample

__all__ = [
    "Affine",
    "AffineRange",
    "Augmentation",
    "Elastic",
    "ElasticRange",
    "Intensity",
    "IntensityRange",
    "Sample",
]
