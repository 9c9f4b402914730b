"""The parts of a recipe: data, model, loss, optimizer, schedule, phases and callbacks, each valid once it exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tumorlens.augmentation import Augmentation
from tumorlens.datasets.split_rules import SplitRule
from tumorlens.models.registry import REGISTRY

LossName = Literal[
    "cross_entropy",
    "binary_cross_entropy",
    "mispaired_cross_entropy",
    "focal",
    "dice",
    "bce",
    "dice_bce",
    "tversky",
]
CLASSIFICATION_LOSSES = ("cross_entropy", "binary_cross_entropy", "mispaired_cross_entropy", "focal")
SEGMENTATION_LOSSES = ("dice", "bce", "dice_bce", "tversky", "focal")
ONE_OUTPUT_LOSSES = ("binary_cross_entropy", "mispaired_cross_entropy")
WEIGHTED_LOSSES = ("cross_entropy", "binary_cross_entropy")
Metric = Literal["train_loss", "train_accuracy", "train_dice", "val_loss", "val_accuracy", "val_dice"]
Degradation = Literal["none", "blur15", "down5", "mixed"]
PRETRAINED = ("none", "imagenet")


class Part(BaseModel):
    """Base of all parts: frozen, and no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OfflineRecipe(Part):
    """Augmented copies that are made once, before training. Exactly one of the first three is given.

    Attributes:
        copies: augmented pictures made of every training image; the image itself stays.
        per_class: every class is filled up to this many training images, and thinned to it where it has more.
        small_tumors: this many pictures are made of the images with the smallest tumors, in turns.
        small_share: share of the images, smallest tumors first, that ``small_tumors`` draws from.
        augmentation: what a copy is drawn from.
        size: ``(rows, cols)`` at which copies are made, before they are resized to the input; ``None`` for the input's.
        before_split: copies join the collection before it is divided, as some published work did; copies of a test
            image then teach the network.
        seed: of the copies.
    """

    copies: int | None = Field(default=None, ge=1, le=1000)
    per_class: int | None = Field(default=None, ge=1)
    small_tumors: int | None = Field(default=None, ge=1)
    small_share: float = Field(default=0.25, gt=0, le=1)
    augmentation: Augmentation = Augmentation()
    size: tuple[int, int] | None = None
    before_split: bool = False
    seed: int = 0

    @model_validator(mode="after")
    def _check(self) -> OfflineRecipe:
        given = [name for name in ("copies", "per_class", "small_tumors") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of copies, per_class and small_tumors, not {given or 'none'}")
        return self


class DegradeRecipe(Part):
    """Loss of quality laid on the original pictures before they are prepared.

    ``blur15`` is a Gaussian blur of 15 x 15 pixels, ``down5`` shrinks to a fifth and enlarges again, ``mixed`` is one
    of both for each image, drawn by the recipe's seed.
    """

    train: Degradation = "none"
    test: Degradation = "none"


class DataRecipe(Part):
    """Which images: a catalogue collection, how it is divided, and what is added.

    Attributes:
        collection: catalogue name.
        split: a split that ships, the path of a split file, or a rule that makes one.
        phantom_share: made phantoms added to the training part, as a fraction of it; never to validation or test.
        offline: augmented copies made before training.
        degrade: loss of quality of the training and validation pictures, and of the test pictures.
    """

    collection: str
    split: str | SplitRule
    phantom_share: float = Field(default=0.0, ge=0, le=1)
    offline: OfflineRecipe | None = None
    degrade: DegradeRecipe | None = None

    @field_validator("split", mode="wrap")
    @classmethod
    def _one_or_the_other(cls, value: Any, handler: Any) -> Any:
        # A union would list the faults of both sides; what was meant shows in the type.
        if isinstance(value, str | SplitRule):
            return value
        if isinstance(value, Mapping):
            return SplitRule.model_validate(value)
        raise ValueError("a split is a name, the path of a .json file, or a rule")

    @model_validator(mode="after")
    def _check(self) -> DataRecipe:
        if self.offline is not None and self.offline.before_split and isinstance(self.split, str):
            raise ValueError("offline.before_split needs a rule as split, for a split file names no copies")
        return self


class ModelRecipe(Part):
    """A registry name, its parameters, and where its weights start.

    ``pretrained`` is ``none``, ``imagenet``, or the path of a weights file.
    """

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    pretrained: str = "none"

    @model_validator(mode="after")
    def _check(self) -> ModelRecipe:
        if self.name not in REGISTRY:
            raise ValueError(f"no model '{self.name}'; choose one of {', '.join(sorted(REGISTRY))}")
        known_suffix = self.pretrained.endswith((".pth", ".safetensors"))
        if self.pretrained not in PRETRAINED and not known_suffix:
            raise ValueError(
                f"pretrained '{self.pretrained}' is neither none nor imagenet nor the path of a .pth "
                "or .safetensors file"
            )
        return self


class LossRecipe(Part):
    """What is minimized.

    ``cross_entropy``, ``binary_cross_entropy`` (one output; two labels), ``focal`` and ``mispaired_cross_entropy`` (one
    sigmoid under a categorical cross-entropy, a published mistake: its gradient is 0) classify; ``dice``, ``bce``,
    ``dice_bce``, ``tversky`` and ``focal`` segment.

    Attributes:
        name: see above.
        label_smoothing: of ``cross_entropy``.
        squared: squared terms in the denominator of Dice (Milletari et al., V-Net, 2016).
        smooth: added above and below in Dice and Tversky.
        alpha: weight of false positives in ``tversky`` (Salehi et al., 2017).
        beta: weight of false negatives in ``tversky``.
        gamma: focus of ``focal`` (Lin et al., 2017).
        per_batch: Dice and Tversky over the whole batch at once, as Keras code sums them, and not for each image.
    """

    name: LossName
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    squared: bool = False
    smooth: float = Field(default=1.0, gt=0)
    alpha: float = Field(default=0.3, ge=0, le=1)
    beta: float = Field(default=0.7, ge=0, le=1)
    gamma: float = Field(default=2.0, ge=0)
    per_batch: bool = False


class OptimizerRecipe(Part):
    """Optimizer and its step size; ``lr`` is the peak where the schedule has one.

    ``eps`` left out is Keras' 1e-7 for ``adam`` and ``adamax``, and torch's 1e-8 for ``adamw``. ``momentum`` is of
    ``sgd`` alone; Keras' default is 0.
    """

    name: Literal["adamw", "adam", "adamax", "sgd"] = "adamw"
    lr: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    eps: float | None = Field(default=None, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)


class ScheduleRecipe(Part):
    """``one_cycle`` (Smith and Topin, 2019) rises for ``warmup`` of all steps, then falls to nearly 0."""

    name: Literal["constant", "one_cycle"] = "constant"
    warmup: float = Field(default=0.2, gt=0, lt=1)


class ResolutionRecipe(Part):
    """From epoch ``from_epoch`` on, train on images resized by ``scale``: small first is faster."""

    from_epoch: int = Field(ge=0)
    scale: float = Field(gt=0, le=1)


class PhaseRecipe(Part):
    """A stretch of epochs with the same layers frozen; a new one starts with a fresh optimizer and fresh callbacks.

    Attributes:
        epochs: how many; an early stop ends the phase, and the next one begins.
        freeze: ``backbone`` (the head alone learns) or ``none``.
        unfreeze_from: layers of the backbone from this one on learn although it is frozen: a layer's name, or how many
            stay frozen, counted as the model says.
        lr: replaces the optimizer's.
    """

    epochs: int = Field(gt=0)
    freeze: Literal["backbone", "none"] = "none"
    unfreeze_from: str | int | None = None
    lr: float | None = Field(default=None, gt=0)


class CallbackRecipe(Part):
    """What happens when a figure no longer improves, counted as Keras counts it.

    Attributes:
        name: ``reduce_on_plateau`` or ``early_stopping``.
        monitor: figure that is watched.
        mode: ``min`` or ``max``; left out, the lowest loss or the highest of all else.
        patience: epochs without improvement after which it acts, on the last of them.
        min_delta: absolute change that counts as improvement.
        factor: the rate is multiplied by this (``reduce_on_plateau``).
        cooldown: epochs after a reduction in which nothing is counted (``reduce_on_plateau``).
        floor: lowest rate (``reduce_on_plateau``).
        restore_best: the run answers with the weights of the epoch that was best by ``monitor`` (``early_stopping``).
    """

    name: Literal["reduce_on_plateau", "early_stopping"]
    monitor: Metric = "val_loss"
    mode: Literal["min", "max"] | None = None
    patience: int = Field(default=10, ge=0)
    min_delta: float = Field(default=0.0, ge=0)
    factor: float = Field(default=0.1, gt=0, lt=1)
    cooldown: int = Field(default=0, ge=0)
    floor: float = Field(default=0.0, ge=0)
    restore_best: bool = False

    @model_validator(mode="after")
    def _check(self) -> CallbackRecipe:
        foreign = ("factor", "cooldown", "floor") if self.name == "early_stopping" else ("restore_best",)
        for one in foreign:
            if getattr(self, one) != type(self).model_fields[one].default:
                raise ValueError(f"{self.name} takes no {one}")
        return self

    @property
    def best_is(self) -> Literal["min", "max"]:
        """Whether the lowest or the highest value is the best one."""
        return self.mode or ("min" if self.monitor.endswith("loss") else "max")
