"""``ReaderRecipe``: all that decides the training of a reader, typed."""

from __future__ import annotations

import fnmatch
from typing import Literal

from pydantic import Field, model_validator

from tumorlens.augmentation.affine import AffineRange
from tumorlens.augmentation.contrast import ContrastRange
from tumorlens.augmentation.implant import ImplantRange
from tumorlens.augmentation.intensity import IntensityRange
from tumorlens.augmentation.picture import PictureRange
from tumorlens.augmentation.stripping import StrippingRange
from tumorlens.labels import TumorClass
from tumorlens.preprocessing import Preprocessing
from tumorlens.training.recipe_parts import ModelRecipe, OptimizerRecipe, Part

STRIDE = 32


class SourceRecipe(Part):
    """One collection that teaches.

    Attributes:
        collection: catalogue name.
        split: a split that ships, whose training and validation parts are used; ``None`` divides by group.
        validation: share of the groups that validate where there is no split; the same people for every seed.
        leave_out: origins, groups or sequences (patterns of ``ORIGIN/SEQUENCE/GROUP``) of this collection that nothing
            is taken from.
    """

    collection: str
    split: str | None = None
    validation: float = Field(default=0.12, ge=0, lt=1)
    leave_out: tuple[str, ...] = ()


class SamplingRecipe(Part):
    """How often what is drawn. Slices are drawn by strata of origin, sequence, stripping and label.

    Attributes:
        tumor: share of the draws of a slice with a tumor; implants come on top.
        power: a stratum of n slices weighs ``n ** power``: 1 draws slices alike, 0 strata alike.
        weights: factors on strata, patterns of ``COLLECTION:ORIGIN/SEQUENCE/LABEL``; all that match multiply.
        near: slices without a tumor this close (in slices of their volume) to one with a tumor are not drawn: it may
            reach into them.
        balance_looks: draw every sequence, stripped or not, as often without a tumor as with one, as far as it can be.
        mixed: share of the draws of a slice with several sequences that show a blend of two of them.
    """

    tumor: float = Field(default=0.42, gt=0, lt=1)
    power: float = Field(default=0.5, ge=0, le=1)
    weights: dict[str, float] = Field(default_factory=dict)
    near: int = Field(default=2, ge=0)
    balance_looks: bool = False
    mixed: float = Field(default=0.0, ge=0, le=1)

    def factor(self, stratum: str) -> float:
        """Product of the factors whose patterns match a stratum."""
        product = 1.0
        for pattern, factor in self.weights.items():
            if fnmatch.fnmatchcase(stratum, pattern):
                product *= factor
        return product


class SynthesisRecipe(Part):
    """What is done to a drawn slice, in this order."""

    implant: ImplantRange = ImplantRange()
    stripping: StrippingRange = StrippingRange()
    contrast: ContrastRange = ContrastRange()
    affine: AffineRange = AffineRange()
    intensity: IntensityRange = IntensityRange()
    picture: PictureRange = PictureRange()


class ReaderLossRecipe(Part):
    """Weights of the parts of the loss.

    Attributes:
        tumor: binary cross-entropy of whether there is a tumor.
        kind: cross-entropy of the kind, of real tumors whose kind is known.
        mask: Dice and binary cross-entropy of the mask, wherever one exists.
        coarse: the same of the coarse mask that the tumor head sees.
        look: cross-entropies of sequence and stripping; their gradient stops before the encoder.
        smoothing: label smoothing of ``tumor`` and ``kind``.
    """

    tumor: float = Field(default=1.0, ge=0)
    kind: float = Field(default=0.5, ge=0)
    mask: float = Field(default=1.0, ge=0)
    coarse: float = Field(default=0.5, ge=0)
    look: float = Field(default=0.2, ge=0)
    smoothing: float = Field(default=0.02, ge=0, lt=0.5)


class StageRecipe(Part):
    """From epoch ``from_epoch`` on, slices are drawn at ``size`` pixels a side."""

    from_epoch: int = Field(ge=0)
    size: int = Field(ge=64, le=512)

    @model_validator(mode="after")
    def _check(self) -> StageRecipe:
        if self.size % STRIDE:
            raise ValueError(f"size {self.size} must be a multiple of {STRIDE}")
        return self


class ReaderRecipe(Part):
    """One training run of a reader. See ``docs/recipes.md``.

    Attributes:
        phantoms: made heads of known geometry among the slices that teach, so that the demo's are not foreign.
        epoch_draws: draws that make an epoch, the unit of checkpoints, figures and resuming.
        average: decay of the averaged weights, which are the ones that answer; 0 averages nothing.
        warmup: share of all steps in which the rate rises (one cycle: Smith and Topin, 2019).
        views: how a slice is looked at when it is answered.
    """

    name: str
    title: str
    task: Literal["reading"]
    seed: int = 0
    notes: tuple[str, ...] = ()
    kinds: tuple[TumorClass, ...] = (TumorClass.GLIOMA, TumorClass.MENINGIOMA, TumorClass.PITUITARY)
    sources: tuple[SourceRecipe, ...] = Field(min_length=1)
    phantoms: int = Field(default=0, ge=0)
    sampling: SamplingRecipe = SamplingRecipe()
    preprocessing: Preprocessing
    synthesis: SynthesisRecipe = SynthesisRecipe()
    model: ModelRecipe
    loss: ReaderLossRecipe = ReaderLossRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe()
    warmup: float = Field(default=0.1, gt=0, lt=1)
    stages: tuple[StageRecipe, ...] = ()
    epochs: int = Field(gt=0)
    epoch_draws: int = Field(gt=0)
    batch_size: int = Field(gt=1)
    average: float = Field(default=0.998, ge=0, lt=1)
    gradient_clip: float | None = Field(default=2.0, gt=0)
    workers: int = Field(default=1, ge=0, le=64)
    views: tuple[Literal["identity", "mirror"], ...] = ("identity", "mirror")
    turns_when_doubtful: bool = True
    version: str = "1"
    licence: str = "Apache-2.0"
    limits: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> ReaderRecipe:
        if any(side % STRIDE for side in self.preprocessing.size):
            raise ValueError(f"preprocessing.size {self.preprocessing.size} must be multiples of {STRIDE}")
        if self.preprocessing.size[0] != self.preprocessing.size[1] or self.preprocessing.channels != 1:
            raise ValueError("a reader takes square images of one channel")
        names = [one.collection for one in self.sources]
        if len(set(names)) != len(names):
            raise ValueError("sources name a collection twice")
        if TumorClass.NO_TUMOR in self.kinds:
            raise ValueError("kinds are kinds of tumor: leave no_tumor out")
        return self

    def size_at(self, epoch: int) -> int:
        """Side of the drawn images in an epoch."""
        passed = [one for one in self.stages if one.from_epoch <= epoch]
        return max(passed, key=lambda one: one.from_epoch).size if passed else self.preprocessing.size[0]

    def kind_index(self, label: str) -> int:
        """Index of a label into ``kinds``, or -1 where it is none of them."""
        return self.kinds.index(TumorClass(label)) if label in set(self.kinds) else -1
