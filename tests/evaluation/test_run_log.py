"""The log of a run: its epochs, the best of them, and its curves."""

import json
from pathlib import Path

import pytest

from tumorlens.evaluation.run_log import curve_plots, curve_points, logged_figures, run_history

pytestmark = pytest.mark.extra_eval


def run_folder(root: Path, monitor: str, log: str) -> Path:
    (root / "logs").mkdir(parents=True)
    (root / "recipe.json").write_text(json.dumps({"monitor": monitor}))
    (root / "logs/metrics.csv").write_text(log)
    return root


def test_the_best_epoch_is_the_one_that_the_recipe_watches(tmp_path: Path) -> None:
    # Lightning writes training and validation of an epoch in rows of their own.
    log = (
        "epoch,step,train_loss,val_accuracy,val_loss\n0,3,,0.8,0.5\n0,3,0.9,,\n1,6,,0.7,0.4\n1,6,0.6,,\n2,9,,nan,nan\n"
    )
    by_accuracy = run_folder(tmp_path / "a", "val_accuracy", log)
    assert logged_figures(by_accuracy) == {"val_accuracy": 0.8, "val_loss": 0.5, "train_loss": 0.9}
    assert logged_figures(run_folder(tmp_path / "b", "val_loss", log))["train_loss"] == 0.6


@pytest.mark.parametrize("log", ["", "epoch,step\n0,1\n", "epoch,val_loss\n0,text\n"])
def test_without_a_log_there_are_no_figures(tmp_path: Path, log: str) -> None:
    assert logged_figures(run_folder(tmp_path / "run", "val_loss", log)) == {}
    assert logged_figures(tmp_path / "nowhere") == logged_figures(None) == {}


def test_curves_are_drawn_of_what_was_logged(tmp_path: Path) -> None:
    log = "epoch,step,train_loss,val_loss,val_dice\n0,3,,0.5,0.1\n0,3,0.9,,\n1,6,,0.4,0.3\n1,6,0.6,,\n"
    run = run_folder(tmp_path / "run", "val_loss", log)
    assert curve_points(run_history(run), "loss") == {"train": [(0, 0.9), (1, 0.6)], "val": [(0, 0.5), (1, 0.4)]}
    drawn = curve_plots(run)
    assert [one.name for one in drawn] == ["curves_loss", "curves_dice"]
    assert all(one.svg.startswith("<svg") and one.png.startswith(b"\x89PNG") for one in drawn)
    assert curve_plots(tmp_path / "nowhere") == []
