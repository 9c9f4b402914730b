"""Traces computed by hand from the source of ``keras.callbacks`` (Keras 3)."""

import math

import pytest
import torch

from tumorlens.training.keras_semantics import Plateau, Stopper
from tumorlens.training.optimizers import make_optimizer
from tumorlens.training.recipe import parse_recipe

pytestmark = pytest.mark.extra_train


def rates(plateau: Plateau, values: list[float], rate: float = 1.0) -> list[float]:
    out = []
    for value in values:
        rate = plateau.update(value, rate)
        out.append(rate)
    return out


def test_rate_falls_in_the_epoch_in_which_the_wait_reaches_the_patience() -> None:
    # epoch:    0    1    2 (wait 1)  3 (wait 2: lower)  4 (1)  5 (2: lower)  6 (better)
    values = [1.0, 0.9, 0.95, 0.94, 0.93, 0.92, 0.8]
    assert rates(Plateau("min", 0.5, patience=2), values) == [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


def test_torch_waits_an_epoch_longer() -> None:
    values = [1.0, 0.9, 0.95, 0.94, 0.93]
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2)
    theirs = []
    for value in values:
        schedule.step(value)
        theirs.append(optimizer.param_groups[0]["lr"])
    assert theirs == [1.0, 1.0, 1.0, 1.0, 0.5]
    assert rates(Plateau("min", 0.5, patience=2), values) == [1.0, 1.0, 1.0, 0.5, 0.5]


def test_improvement_must_exceed_the_absolute_change() -> None:
    # 0.5 of accuracy: 0.0001 more is none with min_delta 1e-4, and 0.0002 more is one.
    assert rates(Plateau("max", 0.3, 2, min_delta=1e-4), [0.5, 0.5001, 0.5001]) == [1.0, 1.0, 0.3]
    assert rates(Plateau("max", 0.3, 2, min_delta=1e-4), [0.5, 0.5002, 0.5002]) == [1.0, 1.0, 1.0]


def test_cooldown_counts_nothing_while_it_lasts() -> None:
    # e1: wait 1, lower, cooldown 2. e2: cooldown 1, still cooling. e3: cooldown 0, counted: wait 1, lower again.
    assert rates(Plateau("min", 0.1, 1, cooldown=2), [1.0, 1.0, 1.0, 1.0]) == pytest.approx([1.0, 0.1, 0.1, 0.01])
    assert rates(Plateau("min", 0.1, 1, cooldown=0), [1.0, 1.0, 1.0, 1.0]) == pytest.approx([1, 0.1, 0.01, 0.001])


def test_floor_is_reached_and_kept() -> None:
    found = rates(Plateau("min", 0.5, 1, floor=3e-4), [1.0] * 5, rate=1e-3)
    assert found == pytest.approx([1e-3, 5e-4, 3e-4, 3e-4, 3e-4])


def test_segmentation_of_experiment_d_watched_the_wrong_way() -> None:
    """Lowest at its 3rd epoch and rising from there, watched for a minimum: lowered in epochs 8, 13 and 18 (from 1)."""
    values = [0.30, 0.25, 0.20, *(0.3 + 0.02 * step for step in range(16))]
    found = rates(Plateau("min", 0.1, 5, floor=1e-7), values, rate=1e-4)
    lowered = [epoch for epoch in range(2, len(values) + 1) if found[epoch - 1] < found[epoch - 2]]
    assert lowered == [8, 13, 18]
    assert found[-1] == pytest.approx(1e-7)
    assert rates(Plateau("max", 0.1, 5), values, rate=1e-4)[-1] == 1e-4


@pytest.mark.parametrize(("name", "epsilon"), [("adam", 1e-7), ("adamax", 1e-7), ("adamw", 1e-8)])
def test_epsilon_is_that_of_keras_unless_named(classes_data, name: str, epsilon: float) -> None:
    network = torch.nn.Linear(2, 2)
    for named, expected in (({}, epsilon), ({"eps": 1e-3}, 1e-3)):
        recipe = parse_recipe(classes_data.values(optimizer={"name": name, **named}), "made")
        optimizer = make_optimizer(recipe, network)
        assert type(optimizer).__name__.lower() == name
        assert [group["eps"] for group in optimizer.param_groups] == [expected] * 2


def ends(stopper: Stopper, values: list[float]) -> int | None:
    return next((epoch for epoch, value in enumerate(values) if stopper.update(value, epoch)[1]), None)


def test_early_stopping_ends_in_the_epoch_in_which_the_wait_reaches_the_patience() -> None:
    stopper = Stopper("min", patience=3)
    assert ends(stopper, [1.0, 0.8, 0.9, 0.85, 0.81, 0.7]) == 4
    assert (stopper.best, stopper.best_epoch) == (0.8, 1)


def test_patience_0_never_ends_in_the_first_epoch() -> None:
    assert ends(Stopper("min", patience=0), [1.0, 1.0]) == 1
    assert ends(Stopper("min", patience=0), [1.0, 0.9, 0.8]) is None


@pytest.mark.parametrize(("values", "end"), [([0.5, 0.5009, 0.5009], 2), ([0.5, 0.5011, 0.5022], None)])
def test_early_stopping_asks_for_more_than_the_absolute_change(values: list[float], end: int | None) -> None:
    assert ends(Stopper("max", patience=2, min_delta=1e-3), values) == end


def test_weights_to_restore_are_those_of_the_best_epoch_and_of_the_first_where_none_is_better() -> None:
    stopper = Stopper("min", patience=9)
    assert [stopper.update(value, epoch)[0] for epoch, value in enumerate([1.0, 0.8, 0.9, 0.7])] == [
        True,
        True,
        False,
        True,
    ]
    hopeless = Stopper("max", patience=9)
    assert [hopeless.update(-math.inf, epoch)[0] for epoch in range(3)] == [True, False, False]


def test_restart_forgets_as_a_second_fit_does() -> None:
    plateau, stopper = Plateau("min", 0.5, 2), Stopper("min", 2)
    rates(plateau, [0.1, 0.2])
    ends(stopper, [0.1, 0.2])
    plateau.reset()
    stopper.reset()
    assert plateau == Plateau("min", 0.5, 2) and stopper == Stopper("min", 2)
