from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_models import CLASSES, SIDE, toward, write_classifier
from pydantic import ValidationError

from tumorlens.errors import OutputError, UsageError, WeightsError
from tumorlens.inference.analyze import Analyzer
from tumorlens.inference.classifier import Classifier, open_classifier
from tumorlens.inference.ensemble import Ensemble, join, open_ensemble, stacked
from tumorlens.inference.ensemble_folder import Part, check_members, ensemble_manifest, write_ensemble
from tumorlens.inference.manifest import Manifest, Rule, read_manifest
from tumorlens.inference.session import ModelSession
from tumorlens.preprocessing import Preprocessing
from tumorlens.scan import Scan

pytestmark = pytest.mark.extra_train

MAJORITY = Rule(name="majority", tie="highest_mean_probability")
MEAN = Rule(name="mean")
LEFT = np.tile(np.where(np.arange(SIDE) < SIDE // 2, 200.0, 10.0), (SIDE, 1)).astype(np.float32)


def tables(members: int) -> st.SearchStrategy[np.ndarray]:
    """Probabilities ``[members, 5, 4]`` in steps of a tenth, so that there are ties."""

    def draw(seed: int) -> np.ndarray:
        return np.random.default_rng(seed).multinomial(10, [0.25] * 4, (members, 5)) / 10

    return st.integers(0, 2**32).map(draw)


@given(tables(5))
def test_majority_chooses_a_most_named_class_and_ties_go_to_the_highest_mean(found: np.ndarray) -> None:
    joined = join(found, MAJORITY)
    np.testing.assert_allclose(joined.sum(axis=1), 1)
    for row, chosen in enumerate(joined.argmax(axis=1)):
        votes = np.bincount(found[:, row].argmax(axis=1), minlength=4)
        tied = np.flatnonzero(votes == votes.max())
        assert chosen in tied
        means = found[:, row].mean(axis=0)
        assert means[chosen] == pytest.approx(means[tied].max())


def test_majority_by_hand() -> None:
    one = np.array([[[0.6, 0.4, 0.0]], [[0.6, 0.4, 0.0]], [[0.0, 0.1, 0.9]]])
    np.testing.assert_allclose(join(one, MAJORITY), [[0.999 * 2 / 3 + 0.0004, 0.0003, 0.999 / 3 + 0.0003]])
    tie = np.array([[[0.6, 0.4, 0.0]], [[0.0, 0.1, 0.9]]])
    assert join(tie, MAJORITY).argmax() == 2


def test_means_by_hand() -> None:
    one = np.array([[[0.5, 0.5]], [[1.0, 0.0]]])
    np.testing.assert_allclose(join(one, MEAN), [[0.75, 0.25]])
    np.testing.assert_allclose(join(one, Rule(name="weighted", weights=(0.2, 0.8))), [[0.9, 0.1]])


@given(tables(3))
def test_equal_weights_are_the_mean(found: np.ndarray) -> None:
    np.testing.assert_allclose(join(found, Rule(name="weighted", weights=(1 / 3,) * 3)), join(found, MEAN))


def test_a_stack_takes_members_one_after_the_other() -> None:
    found = np.arange(2 * 3 * 4, dtype=np.float64).reshape(2, 3, 4)
    np.testing.assert_array_equal(stacked(found)[1], [*found[0, 1], *found[1, 1]])


@pytest.mark.parametrize(
    "values",
    [
        {"name": "weighted"},
        {"name": "mean", "weights": (1.0,)},
        {"name": "weighted", "weights": (0.5, 0.6)},
        {"name": "weighted", "weights": (1.5, -0.5)},
        {"name": "majority"},
        {"name": "stacking"},
        {"name": "mean", "fitted_on": "test"},
    ],
)
def test_impossible_rules_cannot_be_made(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rule(**values)


@pytest.fixture
def parts(tmp_path: Path) -> list[Part]:
    """Three models of other inputs and another order of classes: the third alone gives maps."""
    turned = tuple(reversed(CLASSES))
    size = Preprocessing(size=(SIDE, SIDE), crop="none", intensities=(0, 255))
    write_classifier(tmp_path / "a", toward("glioma", "no_tumor"), version="7")
    write_classifier(tmp_path / "b", toward("meningioma", "no_tumor"), preprocessing=size, temperature=2.0)
    write_classifier(tmp_path / "c", toward("glioma", "pituitary", turned), turned, maps=True)
    return [Part(name, tmp_path / name) for name in "abc"]


def made(folder: Path, parts: list[Part], rule: Rule = MAJORITY) -> Manifest:
    manifest = ensemble_manifest(parts, rule, read_manifest(parts[0].folder).training)
    write_ensemble(folder, parts, manifest)
    return manifest


def test_an_ensemble_is_a_model_folder_like_any_other(tmp_path: Path, parts: list[Part]) -> None:
    manifest = made(tmp_path / "e", parts)
    assert read_manifest(tmp_path / "e") == manifest
    assert (manifest.classes, manifest.activation, manifest.name) == (CLASSES, "cam", "majority-of-3")
    (analysis,) = [Analyzer(classifier=tmp_path / "e", gate=False, threads=1).analyze(np.kron(LEFT, np.ones((4, 4))))]
    assert analysis.label == "glioma"
    assert analysis.models[0].id == manifest.id
    assert list(analysis.probabilities) == list(CLASSES)


def test_each_member_prepares_and_orders_its_own(tmp_path: Path, parts: list[Part]) -> None:
    made(tmp_path / "e", parts, MEAN)
    alone = [open_classifier(one.folder, 1)([Scan(LEFT)])[0] for one in parts]
    (joined,) = open_classifier(tmp_path / "e", 1)([Scan(LEFT)])
    for name in CLASSES:
        assert joined.probabilities[name] == pytest.approx(np.mean([one.probabilities[name] for one in alone]))


def test_the_map_is_of_a_member_that_names_the_joined_label(tmp_path: Path, parts: list[Part]) -> None:
    made(tmp_path / "e", parts)
    ensemble = open_ensemble(tmp_path / "e", 1)
    left, right = ensemble([Scan(LEFT), Scan(LEFT[:, ::-1].copy())])
    (third,) = Classifier(ModelSession(parts[2].folder, 1))([Scan(LEFT)])
    np.testing.assert_array_equal(left.activation_map, third.activation_map)
    assert right.label == "no_tumor" and right.activation_map is None


def test_id_changes_with_any_member_and_with_the_rule(tmp_path: Path, parts: list[Part]) -> None:
    training = read_manifest(parts[0].folder).training
    before = ensemble_manifest(parts, MEAN, training).id
    assert ensemble_manifest(parts, MAJORITY, training).sha256 != ensemble_manifest(parts, MEAN, training).sha256
    write_classifier(parts[2].folder, toward("glioma", "pituitary"), temperature=1.5, maps=True)
    changed = ensemble_manifest(parts, MEAN, training).id
    assert changed != before
    write_classifier(parts[1].folder, toward("pituitary", "no_tumor"))
    assert ensemble_manifest(parts, MEAN, training).id not in (before, changed)


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (lambda folder: (folder / "members/1-b/model.onnx").unlink(), "member b of the ensemble lacks"),
        (lambda folder: (folder / "members/1-b/manifest.json").unlink(), "member b of the ensemble lacks"),
        (lambda folder: _append(folder / "members/2-c/model.onnx"), r"member c has sha256 .* altered"),
        (lambda folder: _append(folder / "members/0-a/manifest.json"), r"member a has sha256 .* altered"),
        (lambda folder: _rule(folder), "manifest of the ensemble .* was altered"),
    ],
)
def test_what_is_altered_or_missing_is_not_used(tmp_path: Path, parts: list[Part], alter: Any, words: str) -> None:
    made(tmp_path / "e", parts, Rule(name="weighted", weights=(0.5, 0.25, 0.25)))
    alter(tmp_path / "e")
    with pytest.raises(WeightsError, match=words) as caught:
        open_classifier(tmp_path / "e")
    assert "\n" not in str(caught.value)


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


def _rule(folder: Path) -> None:
    values = json.loads((folder / "manifest.json").read_text())
    values["rule"]["weights"] = [0.25, 0.5, 0.25]
    (folder / "manifest.json").write_text(json.dumps(values))


def test_what_cannot_be_joined_is_said(tmp_path: Path, parts: list[Part]) -> None:
    with pytest.raises(UsageError, match="1 model is too few"):
        check_members(parts[:1])
    with pytest.raises(UsageError, match="named twice"):
        check_members([parts[0], parts[0]])
    write_classifier(tmp_path / "d", toward("tumor", "no_tumor", ("no_tumor", "tumor")), ("no_tumor", "tumor"))
    with pytest.raises(UsageError, match="d knows the classes no_tumor, tumor, and a glioma"):
        check_members([parts[0], Part("d", tmp_path / "d")])
    made(tmp_path / "e", parts)
    with pytest.raises(UsageError, match="e is an ensemble itself"):
        check_members([parts[0], Part("e", tmp_path / "e")])


def test_a_single_model_is_asked_for_by_its_own_loader(tmp_path: Path, parts: list[Part]) -> None:
    made(tmp_path / "e", parts)
    with pytest.raises(WeightsError, match="single model is needed"):
        ModelSession(tmp_path / "e")
    with pytest.raises(WeightsError, match="is no ensemble"):
        open_ensemble(parts[0].folder)
    with pytest.raises(WeightsError, match="join models of the same classes"):
        Ensemble(
            read_manifest(tmp_path / "e").model_copy(update={"classes": ("x", "y")}),
            open_ensemble(tmp_path / "e").members,
        )


def test_nothing_else_is_overwritten(tmp_path: Path, parts: list[Part]) -> None:
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="something else"):
        made(tmp_path / "e", parts)
    assert (tmp_path / "e" / "notes.txt").read_text() == "mine"


def test_an_earlier_ensemble_is_replaced(tmp_path: Path, parts: list[Part]) -> None:
    made(tmp_path / "e", parts)
    second = made(tmp_path / "e", parts[:2], MEAN)
    assert len(list((tmp_path / "e" / "members").iterdir())) == 2
    assert open_ensemble(tmp_path / "e").manifest == second


def test_manifests_of_impossible_ensembles_cannot_be_made(tmp_path: Path, parts: list[Part]) -> None:
    values = json.loads(made(tmp_path / "e", parts).model_dump_json())
    for changes in (
        {"members": []},
        {"rule": None},
        {"members": values["members"][:1]},
        {"temperature": 2.0},
        {"rule": {"name": "weighted", "weights": [0.5, 0.5]}},
        {"members": [values["members"][0], {**values["members"][1], "folder": "members/../../secret"}]},
        {"members": [values["members"][0], values["members"][0]]},
    ):
        with pytest.raises(ValidationError):
            Manifest.model_validate_json(json.dumps({**values, **changes}))
