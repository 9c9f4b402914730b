import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tumorlens.errors import OutputError, TrainingError, UsageError
from tumorlens.evaluation.detection import read_detections
from tumorlens.inference.analyze import Analyzer
from tumorlens.inference.manifest import read_manifest
from tumorlens.training.reader.draws import Draw, Draws
from tumorlens.training.reader.leave_out import ANSWERS, leave_out, parse_left_out, without
from tumorlens.training.reader.module import ReaderModule
from tumorlens.training.reader.recipe import ReaderRecipe
from tumorlens.training.reader.train import train_reader
from tumorlens.training.run import RunFolder

pytestmark = pytest.mark.extra_train


@pytest.fixture(scope="module")
def run(collections: Path, recipe: ReaderRecipe, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train_reader(recipe, collections, tmp_path_factory.mktemp("runs") / "whole")


def test_a_run_ends_in_a_reader_that_answers_as_torch_does(run: RunFolder, collections: Path) -> None:
    manifest = read_manifest(run.export)
    assert manifest.task == "reading" and manifest.reading is not None and manifest.parity < 0.02
    assert manifest.training.collection == "brats + more + healthy"
    analyzer = Analyzer(classifier=run.export, gate=False)
    answer = analyzer.analyze(next((collections / "more-slices" / "images").glob("*.png")))
    assert answer.findings is not None and sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert (run.export / "card.md").read_text().startswith("# made-reader")


def test_the_data_are_written_down(run: RunFolder) -> None:
    facts = json.loads((run.root / "data.json").read_text())
    assert len(facts["fingerprint"]) == 64 and facts["images"]["train"] == sum(facts["strata"].values())


def test_a_resumed_run_gives_the_same_weights(
    run: RunFolder, collections: Path, recipe: ReaderRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    step = ReaderModule.training_step

    def stops(self: ReaderModule, batch: dict, index: int) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return step(self, batch, index)

    monkeypatch.setattr(ReaderModule, "training_step", stops)
    with pytest.raises(KeyboardInterrupt, match="with --resume to go on"):
        train_reader(recipe, collections, tmp_path / "again")
    monkeypatch.undo()
    again = train_reader(recipe, collections, tmp_path / "again", resume=True)
    states = [torch.load(one.last, weights_only=True)["state_dict"] for one in (run, again)]
    assert all(torch.allclose(states[0][name], states[1][name], atol=1e-5) for name in states[0])


def test_every_epoch_draws_anew(
    collections: Path, recipe: ReaderRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    draw = Draws.draw

    def noted(self: Draws, epoch: int, number: int) -> Draw:
        seen.append((epoch, number))
        return draw(self, epoch, number)

    monkeypatch.setattr(Draws, "draw", noted)
    train_reader(recipe, collections, tmp_path / "noted")
    assert seen == [(epoch, number) for epoch in range(recipe.epochs) for number in range(recipe.epoch_draws)]


def test_other_slices_or_another_recipe_are_refused(
    run: RunFolder, collections: Path, recipe: ReaderRecipe, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match="not empty"):
        train_reader(recipe, collections, run.root)
    with pytest.raises(TrainingError, match="another recipe"):
        train_reader(recipe.model_copy(update={"seed": 9}), collections, run.root, resume=True)
    copied = tmp_path / "copied"
    shutil.copytree(run.root, copied)
    with pytest.raises(TrainingError, match="other slices"):
        train_reader(recipe, collections, copied, resume=True, limit=1)
    (copied / "data.json").write_text("{")
    with pytest.raises(TrainingError, match="cannot be read"):
        train_reader(recipe, collections, copied, resume=True)
    with pytest.raises(UsageError, match="--limit is 0"):
        train_reader(recipe, collections, tmp_path / "none", limit=0)


def test_a_source_left_out_teaches_nothing_and_is_answered(
    collections: Path, recipe: ReaderRecipe, tmp_path: Path
) -> None:
    left = parse_left_out("small=healthy+more:*/t2/*")
    said: list[str] = []
    rows = leave_out(recipe, left, collections, tmp_path, told=said.append)
    assert {(one.collection, one.sequence) for one in rows} == {("healthy", "t1"), ("more", "t2")}
    strata = json.loads((tmp_path / "small" / "data.json").read_text())["strata"]
    assert not any(name.startswith("healthy") or "/t2" in name for name in strata)
    again = leave_out(recipe, left, collections, tmp_path, told=said.append)
    assert [one.id for one in again] == [one.id for one in rows]
    kept = read_detections(tmp_path / "small" / ANSWERS)
    assert np.allclose([one.probability for one in kept], [one.probability for one in rows], atol=1e-5)


def test_what_matches_nothing_is_refused_before_training(
    collections: Path, recipe: ReaderRecipe, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="matches no slice"):
        leave_out(recipe, parse_left_out("more:NOBODY*"), collections, tmp_path)
    assert not (tmp_path / "more-NOBODY").exists()


def test_what_cannot_be_left_out_is_refused(recipe: ReaderRecipe) -> None:
    with pytest.raises(UsageError, match="name a collection"):
        parse_left_out(" + ")
    with pytest.raises(Exception, match="has no source lgg"):
        without(recipe, parse_left_out("lgg"))
    with pytest.raises(Exception, match="has no source: leave less out"):
        without(recipe, parse_left_out("brats+more+healthy"))
