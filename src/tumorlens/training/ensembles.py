"""Join finished classifiers: their answers on common images, the rule, the figures and the record. Needs no torch."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tumorlens._version import __version__
from tumorlens.errors import OutputError, UsageError
from tumorlens.evaluation.compare import Compared, Entrant, compare, figure_table, write_comparison
from tumorlens.evaluation.predictions import Predictions
from tumorlens.evaluation.report import metrics_of, write_classification_report
from tumorlens.evaluation.run_log import logged_figures
from tumorlens.evaluation.setting import Setting
from tumorlens.inference.ensemble import join
from tumorlens.inference.ensemble_folder import (
    ensemble_manifest,
    write_ensemble,
    write_manifest,
)
from tumorlens.inference.manifest import Manifest, Rule, Training
from tumorlens.io.atomic import write_atomic
from tumorlens.notice import NOTICE
from tumorlens.training.environment import describe_environment
from tumorlens.training.members import (
    ANSWERS,
    Common,
    Progress,
    Source,
    common_answers,
    no_progress,
    open_sources,
    validation_is_test,
)

RECORD_FILE = "ensemble.json"
RuleName = Literal["majority", "mean", "weighted"]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network that joins the members: its ONNX file, how it was fitted, and published figures to compare with."""

    onnx: bytes
    facts: Mapping[str, Any]
    published: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What joining found.

    Attributes:
        manifest: of the ensemble.
        compared: members and ensemble on the common images, with paired tests.
        export: model folder, or ``None`` where none was asked for.
        record: what ``ensemble.json`` holds.
    """

    manifest: Manifest
    compared: Compared
    export: Path | None
    record: dict[str, Any]

    @property
    def title(self) -> str:
        """Which ensemble this is."""
        return f"{self.manifest.id}: {self.manifest.title}"

    @property
    def table(self) -> tuple[list[str], list[list[str]]]:
        """Heads and rows of the figures of members and ensemble, for people."""
        return figure_table(self.compared)

    def sentences(self, out: Path) -> list[str]:
        """What was measured, whether it leaks, and what lies in ``out``."""
        said = [f"Measured on {self.compared.images:,} test images that all have in common."]
        if self.manifest.rule is not None and self.manifest.rule.leaking:
            said.append("This ensemble LEAKS: test images took part in its fit, so its figures flatter it.")
        said.append(f"The report is {out / 'report.html'}, members side by side {out / 'members' / 'report.html'}")
        return said if self.export is None else [*said, f"The ensemble is the model folder {self.export}"]


def prepare_out(out: Path) -> None:
    """Make the folder of an ensemble, which may hold an earlier or unfinished one.

    Raises:
        OutputError: it holds something else, or cannot be made.
    """
    if out.is_file():
        raise OutputError(f"{out} is a file: choose another --out.")
    if out.is_dir() and any(out.iterdir()) and not ((out / RECORD_FILE).is_file() or (out / ANSWERS).is_dir()):
        raise OutputError(f"{out} is not empty and holds no ensemble: choose another --out.")
    try:
        (out / ANSWERS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {out} cannot be made: {error.strerror}.") from error


def vote(
    names: Sequence[str],
    out: Path,
    *,
    rule: RuleName = "majority",
    weights: Sequence[float] = (),
    best: int | None = None,
    data: Path | None = None,
    export: bool = False,
    progress: Progress = no_progress,
) -> Outcome:
    """Join classifiers by a vote or a mean, and report on the test images that all have.

    Args:
        names: folders of runs or models, or names of models that ship.
        out: folder that receives the report, predictions and record.
        rule: how they are joined.
        weights: of each, for a weighted mean; by accuracy on their validation parts where none are given.
        best: join only so many, those with the highest accuracy on their validation parts as the runs logged it.
        data: folder of the collection, where answers are lacking.
        export: whether to write the ensemble as a model folder, ``out/export``.
        progress: called with what is answered, the number of images done, and of all.

    Raises:
        UsageError: these cannot be joined, have no images in common, or weights do not fit.
        OutputError: ``out`` holds something else or cannot be written.
    """
    sources = open_sources(names)
    if best is not None:
        if weights:
            raise UsageError("--weights are one for each model, and --best chooses among them: pass one of the two.")
        sources = best_sources(sources, best)
    chosen = (
        Rule(name=rule, tie="highest_mean_probability" if rule == "majority" else None) if rule != "weighted" else None
    )
    if weights and chosen is not None:
        raise UsageError(f"The rule {rule} takes no weights: leave --weights out, or pass --rule weighted.")
    checked = check_weights(weights, len(sources)) if weights else ()
    prepare_out(out)
    common = common_answers(sources, "test", data, out, progress)
    if chosen is None:
        chosen = Rule(name="weighted", weights=checked) if checked else fitted_weights(sources, data, out, progress)
    if best is not None:
        leaking = any(validation_is_test(one) for one in sources)
        chosen = chosen.model_copy(update={"fitted_on": "validation", "leaking": leaking})
    training = lineage(sources, f"vote {rule}" if best is None else f"vote {rule} best {best}", seed=0, epochs=0)
    manifest = ensemble_manifest([one.part for one in sources], chosen, training)
    return report(out, sources, common, manifest, join(common.probabilities, chosen), export=export)


def best_sources(sources: Sequence[Source], count: int) -> tuple[Source, ...]:
    """Those ``count`` with the highest validation accuracy of the epoch that each run kept, best first.

    Raises:
        UsageError: a run's accuracy is not known, or ``count`` is below 2 or above their number.
    """
    if not 2 <= count <= len(sources):
        raise UsageError(f"--best is {count}, and {len(sources)} models were given: choose from 2 to {len(sources)}.")
    remedy = "leave out --best and name the models to join"
    ranked = sorted(sources, key=lambda one: -_logged_accuracy(one, remedy))
    return tuple(ranked[:count])


def check_weights(weights: Sequence[float], members: int) -> tuple[float, ...]:
    """Weights that add up to 1.

    Raises:
        UsageError: there are not as many as members, one is negative, or all are 0.
    """
    if len(weights) != members:
        raise UsageError(f"{len(weights)} weights were given for {members} models: give one for each.")
    if not all(np.isfinite(weights)) or min(weights) < 0 or sum(weights) <= 0:
        raise UsageError("Weights are numbers of at least 0, of which one is above 0: change --weights.")
    return tuple(float(one) / float(sum(weights)) for one in weights)


def fitted_weights(sources: Sequence[Source], data: Path | None, out: Path, progress: Progress = no_progress) -> Rule:
    """A weighted mean by accuracy on the validation parts: answered now, or without ``data`` as the runs logged it.

    Raises:
        UsageError: a member's accuracy is not known.
    """
    if data is not None:
        accuracies = [one.right.mean() for one in common_answers(sources, "validation", data, out, progress).tables]
    else:
        accuracies = [_logged_accuracy(one, "pass --data with its collection, or --weights") for one in sources]
    leaking = any(validation_is_test(one) for one in sources)
    weights = check_weights([float(one) for one in accuracies], len(sources))
    return Rule(name="weighted", weights=weights, fitted_on="validation", leaking=leaking)


def _logged_accuracy(source: Source, remedy: str) -> float:
    """Validation accuracy of the epoch that the run kept, from its logs."""
    accuracy = logged_figures(source.subject.run).get("val_accuracy")
    if accuracy is None:
        raise UsageError(f"The validation accuracy of {source.name} is not known: {remedy}.")
    return accuracy


def lineage(sources: Sequence[Source], made_by: str, *, seed: int, epochs: int) -> Training:
    """Where an ensemble comes from; what its members do not share is said to be several."""
    trainings = [one.subject.manifest.training for one in sources]

    def shared(name: str) -> str:
        values = list(dict.fromkeys(str(getattr(one, name)) for one in trainings))
        if len(values) == 1:
            return values[0]
        return hashlib.sha256("\n".join(values).encode()).hexdigest() if name in _DIGESTS else "several"

    environment = describe_environment()
    return Training(
        recipe=made_by,
        collection=shared("collection"),
        split=shared("split"),
        split_sha256=shared("split_sha256"),
        data_licence=shared("data_licence"),
        images=max(one.images for one in trainings),
        phantoms=max(one.phantoms for one in trainings),
        data_fingerprint=shared("data_fingerprint"),
        seed=seed,
        epochs=epochs,
        pretrained=shared("pretrained"),
        commit=environment["commit"],
        versions=environment["packages"],
    )


_DIGESTS = ("split_sha256", "data_fingerprint")


def report(
    out: Path,
    sources: Sequence[Source],
    common: Common,
    manifest: Manifest,
    probabilities: NDArray[np.float64],
    *,
    export: bool,
    fitted: Fitted | None = None,
) -> Outcome:
    """Write the ensemble's report, its comparison with the members, its record and, where asked, its model folder.

    Raises:
        OutputError: a file cannot be written.
    """
    rule = manifest.rule
    assert rule is not None
    joined = common.joined(probabilities)
    folder = out / "export" if export else None
    _keep_split(sources, out)
    if folder is not None:
        write_ensemble(folder, [one.part for one in sources], manifest, fitted.onnx if fitted else None)
    words = f"{len(joined):,} test images that all {len(sources)} members have in common"
    if rule.leaking:
        words += " (leaking: test images took part in the fit, so these figures flatter the ensemble)"
    setting = Setting(
        manifest,
        words,
        manifest.training.collection,
        model=folder,
        reference="images that taught any member",
        grouped_by=common.grouped_by,
        records=common.records,
        published=fitted.published if fitted else {},
    )
    written = write_classification_report(out, joined, setting)
    manifest = manifest.model_copy(update={"metrics": metrics_of(written)})
    if folder is not None:
        write_manifest(folder, manifest)
    compared = compare(_entrants(sources, common, manifest, joined, out))
    write_comparison(compared, out / "members")
    record = _record(sources, manifest, joined, compared, fitted.facts if fitted else {})
    write_atomic(out / RECORD_FILE, (json.dumps(record, indent=1) + "\n").encode())
    return Outcome(manifest, compared, folder, record)


def _entrants(
    sources: Sequence[Source], common: Common, manifest: Manifest, joined: Predictions, out: Path
) -> list[Entrant]:
    members = [
        Entrant(
            source.name,
            source.subject.run or source.subject.folder,
            table,
            source.subject.published,
            logged_figures(source.subject.run),
        )
        for source, table in zip(sources, common.tables, strict=True)
    ]
    return [*members, Entrant(manifest.name, out, joined)]


def _keep_split(sources: Sequence[Source], out: Path) -> None:
    """The split that all members share, so that the ensemble is evaluated on the same parts."""
    if len({one.subject.manifest.training.split_sha256 for one in sources}) > 1:
        return
    for one in sources:
        if one.subject.run is not None and (one.subject.run / "split.json").is_file():
            try:
                shutil.copyfile(one.subject.run / "split.json", out / "split.json")
            except OSError as error:
                raise OutputError(f"{out / 'split.json'} cannot be written: {error.strerror}.") from error
            return


def _record(
    sources: Sequence[Source],
    manifest: Manifest,
    joined: Predictions,
    compared: Compared,
    fit: Mapping[str, Any],
) -> dict[str, Any]:
    digest = hashlib.sha256("\n".join(joined.ids).encode("utf-8", "surrogateescape"))
    rule = manifest.rule
    assert rule is not None
    return {
        "made_by": f"tumorlens {__version__}",
        "notice": NOTICE,
        "id": manifest.id,
        "rule": rule.model_dump(mode="json"),
        "classes": list(manifest.classes),
        "members": [
            {
                "name": source.name,
                "id": source.subject.manifest.id,
                "sha256": source.subject.manifest.sha256,
                "recipe": source.subject.manifest.training.recipe,
                "split": source.subject.manifest.training.split,
                "split_sha256": source.subject.manifest.training.split_sha256,
                "data_fingerprint": source.subject.manifest.training.data_fingerprint,
            }
            for source in sources
        ],
        "seed": manifest.training.seed,
        "fit": dict(fit),
        "test": {
            "images": len(joined),
            "ids_sha256": digest.hexdigest(),
            "figures": {row["name"]: row["figures"] for row in compared.rows},
        },
        "data_fingerprint": manifest.training.data_fingerprint,
        "commit": manifest.training.commit,
        "versions": manifest.training.versions,
    }
