"""``GateRecipe``: all that decides the training of a gate, typed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tumorlens.datasets.non_brain import MAKERS
from tumorlens.datasets.non_brain_from_heads import FROM_HEADS
from tumorlens.preprocessing import Preprocessing
from tumorlens.training.recipe_parts import ModelRecipe, OptimizerRecipe, Part

BRAIN = "brain"


class BrainSource(Part):
    """A collection whose slices are brain MRI.

    Attributes:
        collection: catalogue name.
        split: a split that ships: its test part tests; ``None`` divides by group.
        parts: published parts that teach, where there is no split; the others test. None named: all teach.
        validation: share of the groups that validate, where there is no split; the same people for every seed.
        test: share of the groups that test, where there are neither split nor parts.
        weight: factor on how often its slices are drawn.
    """

    collection: str
    split: str | None = None
    parts: tuple[str, ...] = ()
    validation: float = Field(default=0.1, ge=0, lt=1)
    test: float = Field(default=0.0, ge=0, lt=1)
    weight: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _check(self) -> BrainSource:
        if self.split is not None and self.parts:
            raise ValueError("a source has a split or published parts that teach, not both")
        if self.validation + self.test >= 1:
            raise ValueError("validation and test leave nothing to learn from")
        return self


class VolumeSource(Part):
    """Volumes of heads, read in all three planes.

    Attributes:
        name: of the source.
        files: pattern of files below the data folder.
        role: whether they teach or test.
        licence: as their publisher states it.
        every: one slice of so many is taken, in each plane.
    """

    name: str
    files: str
    role: Literal["fit", "test"] = "fit"
    licence: str
    every: int = Field(default=6, ge=1)


class PackagePictures(Part):
    """Pictures that an installed package carries.

    Attributes:
        package: its name in the index.
        kind: what they show.
        files: regular expression that paths within the package must match.
        licence: of the pictures.
        role: whether they teach or test.
    """

    package: str
    kind: str
    files: str
    licence: str
    role: Literal["fit", "test"] = "fit"


class GateSampling(Part):
    """How often what is drawn.

    Attributes:
        brain: share of the draws that are brain MRI.
        power: a stratum of n slices weighs ``n ** power``.
        kinds: how often a kind of other pictures is drawn, against 1.
        real: share of a kind's draws that are real pictures, where there are any.
        phantoms: share of the brains that are made heads of known geometry, so that the demo's pass.
    """

    brain: float = Field(default=0.5, gt=0, lt=1)
    power: float = Field(default=0.5, ge=0, le=1)
    kinds: dict[str, float] = Field(default_factory=dict)
    real: float = Field(default=0.6, ge=0, le=1)
    phantoms: float = Field(default=0.02, ge=0, lt=1)


class GateRecipe(Part):
    """One training run of a gate. See ``docs/recipes.md``.

    Attributes:
        brains: collections of brain MRI.
        volumes: volumes of heads.
        packages: pictures of other things, of installed packages.
        pictures: folder of further pictures, as ``scripts/gate_sources.py`` lays it out: ``fit/KIND/SOURCE/*.png`` and
            ``test/KIND/SOURCE/*.png``; ``None`` for none.
        external: collections that are read once at the end, for their figures alone.
        leave_out: sources of brains, and kinds of other pictures, that nothing is taken from.
        made: made pictures kept of each kind; they are varied anew each time they are drawn.
        border: logit below which a picture is refused; ``None`` chooses it on the validation part.
        refused_brains: share of each source's validation brains that a chosen border refuses at most.
        least_values: what has fewer distinct values is refused unseen, as a mask or label map.
        epoch_draws: draws that make an epoch, the unit of checkpoints, figures and resuming.
        distinct: epochs whose draws differ; after them the same are shown again, each batch mirrored and turned anew.
        average: decay of the averaged weights, which are the ones that answer; 0 averages nothing.
        smoothing: of the labels.
    """

    name: str
    title: str
    task: Literal["gate"]
    seed: int = 0
    notes: tuple[str, ...] = ()
    brains: tuple[BrainSource, ...] = Field(min_length=1)
    volumes: tuple[VolumeSource, ...] = ()
    packages: tuple[PackagePictures, ...] = ()
    pictures: str | None = None
    external: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    made: int = Field(default=250, ge=8)
    sampling: GateSampling = GateSampling()
    preprocessing: Preprocessing
    model: ModelRecipe
    optimizer: OptimizerRecipe = OptimizerRecipe()
    warmup: float = Field(default=0.2, gt=0, lt=1)
    epochs: int = Field(gt=0)
    epoch_draws: int = Field(gt=0)
    batch_size: int = Field(gt=1)
    distinct: int = Field(default=1_000_000, ge=1)
    average: float = Field(default=0.99, ge=0, lt=1)
    smoothing: float = Field(default=0.02, ge=0, lt=0.5)
    border: float | None = None
    refused_brains: float = Field(default=0.02, gt=0, lt=0.5)
    least_values: int | None = Field(default=None, ge=2)
    workers: int = Field(default=1, ge=0, le=64)
    version: str = "1"
    licence: str = "Apache-2.0"
    limits: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> GateRecipe:
        if self.preprocessing.channels != 1:
            raise ValueError("a gate takes images of one channel")
        names = [one.collection for one in self.brains]
        if len(set(names)) != len(names):
            raise ValueError("brains name a collection twice")
        if set(self.external) & set(names):
            raise ValueError("a collection that teaches is no external test")
        if not any(kind not in self.leave_out for kind in self.made_kinds):
            raise ValueError("leave_out leaves no kind of other pictures to learn from")
        return self

    @property
    def made_kinds(self) -> tuple[str, ...]:
        """Kinds of other pictures that are made."""
        return tuple(dict.fromkeys((*MAKERS, *FROM_HEADS)))
