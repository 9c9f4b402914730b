"""A whole run of a gate: folder, export, parity, border, figures, resuming."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch")

from gate_fields import FIELDS  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from tumorlens.cli.main import app  # noqa: E402
from tumorlens.errors import OutputError, TrainingError, UsageError  # noqa: E402
from tumorlens.inference.gate import open_gate  # noqa: E402
from tumorlens.inference.manifest import read_manifest  # noqa: E402
from tumorlens.scan import Scan  # noqa: E402
from tumorlens.training.gate.finalize import Judged, choose_border  # noqa: E402
from tumorlens.training.gate.leave_out import LeftOut, draw_bank, leave_out, table  # noqa: E402
from tumorlens.training.gate.pool import load_gate_pool  # noqa: E402
from tumorlens.training.gate.recipe import GateRecipe  # noqa: E402
from tumorlens.training.gate.report import CHANGES, Counted, Refusals, card, wilson  # noqa: E402
from tumorlens.training.gate.train import train_gate  # noqa: E402
from tumorlens.training.recipe import parse_any_recipe  # noqa: E402
from tumorlens.training.run import RunFolder  # noqa: E402

pytestmark = pytest.mark.extra_train


def parsed(values: dict[str, Any]) -> GateRecipe:
    recipe = parse_any_recipe(values, "test")
    assert isinstance(recipe, GateRecipe)
    return recipe


@pytest.fixture(scope="module")
def finished(heads: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[GateRecipe, RunFolder]:
    recipe = parsed(dict(FIELDS))
    return recipe, train_gate(recipe, heads, tmp_path_factory.mktemp("gate") / "run", limit=4)


def test_a_run_ends_in_a_model_folder_that_answers(finished: tuple[GateRecipe, RunFolder]) -> None:
    recipe, run = finished
    manifest = read_manifest(run.export)
    assert manifest.task == "gate"
    assert manifest.least_values == 8
    assert manifest.parity < 1e-5
    assert 0 < manifest.threshold < 1
    assert manifest.training.collection == "folders"
    answers = open_gate(run.export)([Scan(np.random.default_rng(0).uniform(0, 9, (40, 50)).astype(np.float32))])
    assert 0 <= answers[0].score <= 1
    words = (run.export / "card.md").read_text()
    assert "tumorlens train tiny-gate" in words
    assert "fewer than 8 distinct values" in words
    assert f"{recipe.epochs} epochs" in words


def test_figures_cover_every_kind_every_change_and_every_source(finished: tuple[GateRecipe, RunFolder]) -> None:
    recipe, run = finished
    names = {one.name for one in read_manifest(run.export).metrics}
    assert {f"refused_{kind}" for kind in recipe.made_kinds} <= names
    assert {f"refused_brain_{name}" for name in CHANGES} | {"refused_brain_folders"} <= names


def test_a_finished_run_is_exported_again_and_another_is_refused(
    finished: tuple[GateRecipe, RunFolder], heads: Path
) -> None:
    recipe, run = finished
    before = read_manifest(run.export).sha256
    assert read_manifest(train_gate(recipe, heads, run.root, resume=True, limit=4).export).sha256 == before
    with pytest.raises(OutputError, match="is not empty"):
        train_gate(recipe, heads, run.root, limit=4)
    with pytest.raises(TrainingError, match="another recipe"):
        train_gate(recipe.model_copy(update={"seed": 9}), heads, run.root, resume=True)


def test_an_interrupted_run_goes_on_to_the_same_weights(
    finished: tuple[GateRecipe, RunFolder], heads: Path, tmp_path: Path
) -> None:
    from tumorlens.training.gate import train as module

    recipe, run = finished
    calls = []

    def stopping(recipe: GateRecipe, shelves: Any, run: RunFolder, *, resume: bool) -> Any:
        from tumorlens.training.gate.fit import fit_gate

        calls.append(resume)
        if not resume:
            fit_gate_of_one_epoch(recipe, shelves, run)
            raise KeyboardInterrupt
        return fit_gate(recipe, shelves, run, resume=True)

    def fit_gate_of_one_epoch(recipe: GateRecipe, shelves: Any, run: RunFolder) -> None:
        import lightning

        from tumorlens.training.gate.fit import fit_gate

        class OneEpoch(lightning.Trainer):
            def __init__(self, **options: Any) -> None:
                super().__init__(**{**options, "max_epochs": 1})

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tumorlens.training.gate.fit.lightning.Trainer", OneEpoch)
            fit_gate(recipe, shelves, run, resume=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "fit_gate", stopping)
        with pytest.raises(KeyboardInterrupt, match="--resume to go on"):
            train_gate(recipe, heads, tmp_path / "run", limit=4)
        resumed = train_gate(recipe, heads, tmp_path / "run", resume=True, limit=4)
    assert calls == [False, True]
    assert read_manifest(resumed.export).sha256 == read_manifest(run.export).sha256


def test_a_limit_below_one_is_refused(heads: Path, fields: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--limit is 0"):
        train_gate(parsed(fields), heads, tmp_path / "run", limit=0)


def test_the_border_lets_sources_through_alike_and_goes_no_higher_than_it_must() -> None:
    logits = np.concatenate([np.linspace(2, 9, 1000), np.linspace(-1, 9, 10), np.linspace(-9, -6, 200)])
    found = Judged(logits, np.arange(len(logits)) < 1010, ("a",) * 1000 + ("b",) * 10 + ("noise",) * 200)
    border = choose_border(found, 0.02)
    refused = [float(np.mean(logits[at] <= border)) for at in (slice(1000), slice(1000, 1010), slice(1010, None))]
    assert refused[0] == 0 and refused[1] <= 0.1 and refused[2] == 1
    assert -6.1 < border < -1  # halfway, for a lower border already refuses the others
    assert choose_border(Judged(found.logits[:1010], found.brains[:1010], found.sources[:1010]), 0.02) <= 2


def test_the_interval_of_a_share_is_wilsons() -> None:
    # Newcombe, Statistics in Medicine 17, 1998, table I: 81 of 263 and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_sources_of_a_kind_are_added_and_collections_of_brains_stay_apart() -> None:
    found = Refusals(
        [
            Counted("photo", "one", 9, 10),
            Counted("photo", "two", 30, 30),
            Counted("brain", "more:A/t1", 1, 100),
            Counted("brain", "more:B/t2", 1, 100),
            Counted("brain", "lgg", 1, 200),
            Counted("brain_blur15", "all", 2, 200),
        ]
    )
    metrics = {one.name: one for one in found.metrics()}
    assert set(metrics) == {"refused_photo", "refused_brain_more", "refused_brain_lgg", "refused_brain_blur15"}
    assert metrics["refused_photo"].value == pytest.approx(39 / 40)
    assert metrics["refused_photo"].data == "one (10), two (30)"
    assert metrics["refused_brain_more"].images == 200


def test_leaving_one_out_asks_about_every_source_and_kind(heads: Path, fields: dict[str, Any]) -> None:
    recipe = parsed({**fields, "batch_size": 8})
    pool = load_gate_pool(recipe, heads)
    both = [one for one in pool.train if one.source.startswith("folders:")]
    other = [replace(one, source=one.source.replace("folders:", "others:")) for one in both]
    kinds = ("retina", "shape")
    pool.train = [*both, *other, *(one for one in pool.train if one.kind in kinds)]
    pool.validation = [one for one in pool.validation if one.kind in (*kinds, "brain")]
    pool.validation += [replace(one, source=one.source.replace("folders:", "others:")) for one in pool.validation]
    pool.test = [one for one in pool.test if one.kind in (*kinds, "brain")]
    bank = draw_bank(pool, recipe, 64)
    assert set(bank.sources) >= {one.source for one in both} - {"phantoms"}
    seen: list[LeftOut] = []
    rows = leave_out(recipe, pool, bank, 1, 2, seen.append)
    assert rows == seen
    assert {one.kind for one in rows if one.kind != "brain"} == {*kinds, "head_ct", "mask", "scrambled"}
    assert {one.source for one in rows if one.kind == "brain"} == {"folders", "others"}
    assert all(0 <= one.refused <= one.pictures and one.pictures > 0 for one in rows)
    lines = table(rows, 64, 1, 2)
    assert any(line.startswith("| brains of folders |") for line in lines)
    assert next(line for line in lines if line.startswith("| retina |")).endswith("| 0 |")


def test_the_command_trains_says_what_it_would_do_and_refuses_what_does_not_fit(
    heads: Path, fields: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text(yaml.safe_dump(fields))
    base = ["train", str(path), "--data", str(heads), "--out", str(tmp_path / "run")]
    planned = CliRunner().invoke(app, [*base, "--dry-run"])
    assert planned.exit_code == 0, planned.output
    assert "2 epochs of 48, 96 together" in planned.output
    assert not (tmp_path / "run").exists()
    refused = CliRunner().invoke(app, [*base, "--devices", "2"])
    assert isinstance(refused.exception, UsageError) or "one process" in refused.output
    trained = CliRunner().invoke(app, [*base, "--epochs", "1", "--limit", "3"])
    assert trained.exit_code == 0, trained.output
    assert "Trained tiny-gate" in trained.output
    assert read_manifest(tmp_path / "run" / "export").training.epochs == 1


def test_a_card_says_nothing_of_a_guard_that_is_not_there(finished: tuple[GateRecipe, RunFolder]) -> None:
    manifest = read_manifest(finished[1].export).model_copy(update={"least_values": None})
    assert "distinct values" not in card(manifest, 1.0)
