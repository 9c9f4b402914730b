from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from made_models import CLASSES, SIDE, toward, write_classifier

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.splits import Split
from tumorlens.errors import InputError, OutputError, UsageError
from tumorlens.evaluation.choose import choose_records, find_model
from tumorlens.evaluation.evaluate import evaluate
from tumorlens.evaluation.predict import predict
from tumorlens.evaluation.predictions import Predictions
from tumorlens.inference.classifier import open_classifier
from tumorlens.inference.ensemble import join
from tumorlens.inference.manifest import read_manifest
from tumorlens.inference.shipped import shipped_model
from tumorlens.training.ensembles import check_weights, fitted_weights, prepare_out, vote
from tumorlens.training.members import common_answers, open_sources
from tumorlens.training.stacking import Fitting, answer, fit_stack, out_of_fold_logits, stack

pytestmark = pytest.mark.extra_train

FOLDERS = {"glioma": "glioma", "meningioma": "meningioma", "pituitary": "pituitary", "no_tumor": "notumor"}
BRIGHT = {"glioma": (1.0, 0.0), "meningioma": (0.0, 1.0), "pituitary": (1.0, 1.0), "no_tumor": (0.0, 0.0)}
WEIGHTS = {
    "a": toward("glioma", "meningioma", strength=6),
    "b": np.array([[9.0, -2.0], [-2.0, 6.0], [5.0, 5.0], [-4.0, -4.0]]),
    "c": np.array([[-1.0, 1.0], [3.0, 1.0], [4.0, 6.0], [-6.0, -6.0]]),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection whose classes differ in which half is bright, a split, and three finished runs on it."""
    root = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    parts: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for index in range(120):
        label = CLASSES[index % 4]
        left, right = BRIGHT[label]
        pixels = rng.integers(0, 110, (SIDE, SIDE))
        pixels[:, : SIDE // 2] += round(120 * left)
        pixels[:, SIDE // 2 :] += round(120 * right)
        pixels[0, 0], pixels[0, 1] = 255, 0
        part = "train" if index < 8 else "val" if index < 72 else "test"
        name = f"{'Testing' if part == 'test' else 'Training'}/{FOLDERS[label]}/{index:03d}.png"
        path = root / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", pixels.astype(np.uint8))[1].tobytes())
        parts[part].append(name)
    split = Split("made", "nickparvar", "by position", *(tuple(parts[one]) for one in ("train", "val", "test")))
    for name, weight in WEIGHTS.items():
        finished_run(root, name, weight, split)
    return root


def finished_run(root: Path, name: str, weight: np.ndarray, split: Split, predicted: bool = True) -> Path:
    run = root / name
    training = read_manifest(shipped_model("classifier-small")).training.model_copy(
        update={"collection": "nickparvar", "split": split.name, "split_sha256": split.sha256, "recipe": f"made-{name}"}
    )
    write_classifier(run / "export", weight, name=name, training=training)
    (run / "split.json").write_text(split.to_json())
    (run / "recipe.json").write_text(json.dumps({"name": name, "monitor": "val_loss", "published": {}}))
    (run / "logs").mkdir(exist_ok=True)
    logged = 0.5 + 0.1 * len(name + str(weight[0, 0])) / 10
    (run / "logs" / "metrics.csv").write_text(f"epoch,val_loss,val_accuracy\n0,2.0,0.9\n1,1.0,{logged}\n")
    if predicted:
        records = split.records(load_collection("nickparvar", root / "data"), "test")
        (run / "predictions.csv").write_bytes(predict(run / "export", records).table.to_csv())
    return run


def runs(world: Path, names: str = "abc") -> list[str]:
    return [str(world / one) for one in names]


def table(path: Path) -> Predictions:
    return Predictions.from_csv(path.read_bytes())


def test_a_vote_needs_no_data_where_runs_have_answered(world: Path, tmp_path: Path) -> None:
    outcome = vote(runs(world), tmp_path / "out")
    tables = [table(world / one / "predictions.csv") for one in "abc"]
    expected = join(np.stack([one.probabilities for one in tables]), outcome.manifest.rule)
    found = table(tmp_path / "out" / "predictions.csv")
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)
    figures = outcome.record["test"]["figures"]
    for name, one in [*zip("abc", tables, strict=True), ("majority-of-3", found)]:
        accuracy = figures[name]["accuracy"]
        assert accuracy["value"] == pytest.approx(one.right.mean(), abs=1e-5)
        assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert outcome.export is None and not (tmp_path / "out" / "export").exists()
    kept = json.loads((tmp_path / "out" / "ensemble.json").read_text())
    assert [one["name"] for one in kept["members"]] == ["a", "b", "c"]
    assert kept["rule"] == {**kept["rule"], "name": "majority", "tie": "highest_mean_probability", "leaking": False}
    for name in ("report.html", "members/report.html"):
        assert "Research use, not a medical device" in (tmp_path / "out" / name).read_text()


def test_an_exported_vote_answers_as_it_was_measured(world: Path, tmp_path: Path) -> None:
    outcome = vote(runs(world), tmp_path / "out", rule="mean", data=world / "data", export=True)
    assert outcome.export == tmp_path / "out" / "export"
    assert read_manifest(outcome.export).metrics[0].name == "accuracy"
    subject = find_model(str(tmp_path / "out"))
    chosen = choose_records(subject, world / "data")
    assert len(chosen.records) == 48 and chosen.taught is not None
    report = evaluate(subject, chosen, tmp_path / "again", folds=0)
    again = table(tmp_path / "again" / "predictions.csv")
    np.testing.assert_allclose(
        again.probabilities, table(tmp_path / "out" / "predictions.csv").probabilities, atol=1e-5
    )
    assert report["model"]["name"] == "mean-of-3"


def test_weights_come_from_logs_or_from_validation_answers(world: Path, tmp_path: Path) -> None:
    sources = open_sources(runs(world))
    prepare_out(tmp_path)
    logged = fitted_weights(sources, None, tmp_path)
    rows = [float((world / one / "logs/metrics.csv").read_text().split()[-1].split(",")[-1]) for one in "abc"]
    assert logged.weights == pytest.approx(np.array(rows) / sum(rows)) and logged.fitted_on == "validation"
    fitted = fitted_weights(sources, world / "data", tmp_path)
    split = choose_records(find_model(str(world / "a")), world / "data", part="validation")
    right = [predict(world / one / "export", split.records).table.right.mean() for one in "abc"]
    assert fitted.weights == pytest.approx(np.array(right) / sum(right)) and not fitted.leaking
    assert check_weights([2, 1, 1], 3) == (0.5, 0.25, 0.25)


def test_best_of_several_are_those_that_validated_best(world: Path, tmp_path: Path) -> None:
    logged = {one: float((world / one / "logs/metrics.csv").read_text().split()[-1].split(",")[-1]) for one in "abc"}
    wanted = sorted("abc", key=lambda one: -logged[one])[:2]
    outcome = vote(runs(world), tmp_path / "out", best=2)
    assert [one.name for one in outcome.manifest.members] == wanted
    rule = outcome.manifest.rule
    assert rule is not None and rule.fitted_on == "validation" and not rule.leaking
    assert outcome.manifest.training.recipe == "vote majority best 2"
    for count in (1, 4):
        with pytest.raises(UsageError, match=f"--best is {count}, and 3 models were given"):
            vote(runs(world), tmp_path / "other", best=count)
    with pytest.raises(UsageError, match="pass one of the two"):
        vote(runs(world), tmp_path / "other", rule="weighted", weights=(1, 1, 1), best=2)
    assert not (tmp_path / "other").exists()


def test_models_of_another_class_order_are_joined_by_name(world: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned"
    shutil.copytree(world / "a", turned)
    order = tuple(reversed(CLASSES))
    training = read_manifest(world / "a" / "export").training
    write_classifier(turned / "export", WEIGHTS["a"][::-1], order, name="turned", training=training)
    (turned / "predictions.csv").unlink()
    prepare_out(tmp_path / "out")
    common = common_answers(open_sources([str(world / "a"), str(turned)]), "test", world / "data", tmp_path / "out")
    first, second = common.tables
    np.testing.assert_allclose(second.probabilities, first.probabilities, atol=1e-6)
    assert second.classes == CLASSES and set(common.records) == set(first.ids)


def test_corrected_stack_is_fitted_on_validation_and_scored_apart(world: Path, tmp_path: Path) -> None:
    outcome = stack(runs(world), tmp_path / "out", data=world / "data", fitting=Fitting(epochs=60, folds=4))
    rule, fit = outcome.manifest.rule, outcome.record["fit"]
    assert (rule.name, rule.fitted_on, rule.leaking) == ("stacking", "out-of-fold", False)
    assert fit["images"] == 64 and len(fit["losses"]) <= 60 and fit["losses"][-1] < fit["losses"][0]
    assert 0 <= fit["out_of_fold_accuracy"]["low"] <= fit["out_of_fold_accuracy"]["value"] <= 1
    assert outcome.manifest.parity < 1e-5 and outcome.manifest.temperature == fit["temperature"]
    found = table(tmp_path / "out" / "predictions.csv")
    records = choose_records(find_model(str(world / "a")), world / "data").records
    served = predict(open_classifier(outcome.export, 1), records).table
    np.testing.assert_allclose(served.probabilities, found.probabilities, atol=1e-5)
    assert found.right.mean() >= max(table(world / one / "predictions.csv").right.mean() for one in "abc") - 0.05


def test_published_stack_says_that_it_leaks(world: Path, tmp_path: Path) -> None:
    outcome = stack(runs(world), tmp_path / "out", fit="test")
    manifest = read_manifest(outcome.export)
    assert manifest.rule.leaking and manifest.rule.fitted_on == "test"
    assert any("test images" in line for line in manifest.limits)
    assert "leaking" in (tmp_path / "out" / "report.html").read_text()
    assert outcome.record["fit"]["images"] == 48 and len(outcome.record["fit"]["losses"]) <= 5


def test_the_same_seed_fits_the_same_stack(world: Path) -> None:
    rng = np.random.default_rng(1)
    rows, truth = rng.random((40, 8)).astype(np.float32), rng.integers(0, 4, 40)
    first, losses = fit_stack(rows, truth, 4, Fitting(epochs=4))
    second, again = fit_stack(rows, truth, 4, Fitting(epochs=4))
    other, _ = fit_stack(rows, truth, 4, Fitting(epochs=4, seed=1))
    assert losses == again
    for one, two, three in zip(first.parameters(), second.parameters(), other.parameters(), strict=True):
        assert one.equal(two)
        assert one.ndim == 1 or not one.equal(three)
    shapes = [tuple(one.shape) for one in first.parameters() if one.ndim == 2]
    assert shapes == [(64, 8), (32, 64), (4, 32)]


def test_no_image_scores_a_fit_that_saw_its_group(world: Path) -> None:
    """Labels are noise that only the group tells: a fit that saw the group would be right, one that did not is not."""
    rng = np.random.default_rng(2)
    truth = np.repeat(np.arange(20) % 2, 6)
    rows = np.repeat(rng.random((20, 8)), 6, axis=0).astype(np.float32)
    rng.shuffle(rows.reshape(20, 6, 8))
    groups = [f"g{one // 6}" for one in range(120)]
    fitting = Fitting(epochs=40, lr=0.02, patience=40, folds=5)
    seen, _ = fit_stack(rows, truth, 2, fitting)
    assert (answer(seen, rows).argmax(axis=1) == truth).mean() > 0.95
    apart = out_of_fold_logits(rows, truth, groups, 2, fitting)
    assert apart is not None and (apart.argmax(axis=1) == truth).mean() < 0.8
    assert out_of_fold_logits(rows[:24], truth[:24], groups[:24], 2, fitting) is None


def test_what_cannot_be_joined_is_said(world: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too few to join"):
        vote(runs(world, "a"), tmp_path / "out")
    with pytest.raises(UsageError, match="named twice"):
        vote(runs(world, "aa"), tmp_path / "out")
    with pytest.raises(UsageError, match="3 models"):
        vote(runs(world), tmp_path / "out", rule="weighted", weights=[1, 2])
    with pytest.raises(UsageError, match="takes no weights"):
        vote(runs(world), tmp_path / "out", rule="mean", weights=[1, 2, 3])
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "recipe.json").write_text("{}")
    with pytest.raises(UsageError, match="no exported model yet"):
        vote([*runs(world), str(unfinished)], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="no run folder, no model folder"):
        open_sources([*runs(world), str(tmp_path / "nowhere")])


@pytest.mark.parametrize("weights", [[1, -1], [0, 0], [1, float("nan")]])
def test_impossible_weights(weights: list[float]) -> None:
    with pytest.raises(UsageError, match="Weights are numbers"):
        check_weights(weights, 2)


def copied(world: Path, tmp_path: Path, change: Callable[[Predictions], Predictions]) -> list[str]:
    other = tmp_path / "other"
    shutil.copytree(world / "b", other)
    (other / "predictions.csv").write_bytes(change(table(world / "b" / "predictions.csv")).to_csv())
    return [str(world / "a"), str(other)]


def test_runs_without_a_common_image_are_not_joined(world: Path, tmp_path: Path) -> None:
    names = copied(world, tmp_path, lambda one: replace(one, ids=tuple(f"x{name}" for name in one.ids)))
    with pytest.raises(UsageError, match="no image in the test part of every member"):
        vote(names, tmp_path / "out")


def test_only_common_images_count(world: Path, tmp_path: Path) -> None:
    names = copied(world, tmp_path, lambda one: one.subset(np.arange(47, 11, -1)))
    common = common_answers(open_sources(names), "test", None, tmp_path)
    expected = table(world / "a" / "predictions.csv").ids[12:]
    assert [one.ids for one in common.tables] == [expected, expected]
    other = table(world / "b" / "predictions.csv")
    np.testing.assert_allclose(common.tables[1].probabilities, other.probabilities[12:], atol=1e-6)


def test_another_truth_is_an_error(world: Path, tmp_path: Path) -> None:
    names = copied(world, tmp_path, lambda one: replace(one, truth=(one.truth + 1) % 4))
    with pytest.raises(InputError, match="another truth in other than in a"):
        vote(names, tmp_path / "out")


def test_lacking_answers_ask_for_the_data(world: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a has no answers on its validation part yet: pass --data"):
        stack(runs(world), tmp_path / "out")


def test_a_validation_part_that_is_the_test_part_fits_no_corrected_stack(world: Path, tmp_path: Path) -> None:
    names = []
    for one in "ab":
        shutil.copytree(world / one, tmp_path / one)
        values: dict[str, Any] = json.loads((tmp_path / one / "split.json").read_text())
        values |= {"validation": values["test"], "rule": {"validation": "test"}}
        (tmp_path / one / "split.json").write_text(json.dumps(values))
        names.append(str(tmp_path / one))
    with pytest.raises(UsageError, match="validation part of a is its test part"):
        stack(names, tmp_path / "out", data=world / "data")
    assert fitted_weights(open_sources(names), None, tmp_path).leaking


def test_a_folder_of_something_else_is_left_alone(world: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds no ensemble"):
        vote(runs(world), tmp_path)
    with pytest.raises(OutputError, match="is a file"):
        vote(runs(world), tmp_path / "notes.txt")
