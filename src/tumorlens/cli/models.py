"""``tumorlens models``: the models that ship, or that lie in the folder ``TUMORLENS_WEIGHTS``."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tumorlens.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from tumorlens.inference import Manifest
    from tumorlens.inference.manifest import Metric

EPILOG = """\b
Examples:
  tumorlens models
  tumorlens models classifier-small
  tumorlens models --json"""


def models(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A model to show in full.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """List the models that ship: task, version, size, licence, sha256, and metrics with their 95 % intervals.

    With NAME: its card and its whole manifest.
    """
    from tumorlens.cli.text import for_stdout
    from tumorlens.inference.shipped import shipped_models, weights_folder

    folders = shipped_models()
    if not folders:
        raise WeightsError(f"There is no model in {weights_folder()}: install tumorlens again.")
    if name is not None:
        folders = [folder for folder in folders if folder.name == name]
        if not folders:
            known = ", ".join(folder.name for folder in shipped_models())
            raise UsageError(f"There is no model '{name}': there are {known}.")
    if json:
        document = [_described(folder) for folder in folders]
        typer.echo(for_stdout(json_module.dumps(document if name is None else document[0], ensure_ascii=False)))
    elif name is None:
        _print_list(folders)
    else:
        _print_model(folders[0])


def _described(folder: Path) -> dict[str, Any]:
    from tumorlens.inference import read_manifest

    manifest = read_manifest(folder)
    return {
        "id": manifest.id,
        "bytes": _size(folder, manifest),
        "card": _card(folder),
        "manifest": manifest.model_dump(mode="json"),
    }


def _print_list(folders: list[Path]) -> None:
    from rich.console import Console
    from rich.text import Text

    from tumorlens.inference import read_manifest
    from tumorlens.notice import NOTICE

    console = Console(highlight=False)
    for folder in folders:
        manifest = read_manifest(folder)
        named = folder.name if folder.name == manifest.name else f"{folder.name} ({manifest.name})"
        console.print(Text(f"{named} {manifest.version}", style="bold"), Text(f"{manifest.title}"))
        console.print(_facts(folder, manifest))
    console.print(Text("tumorlens models NAME shows the card; tumorlens doctor verifies the checksums."))
    console.print(Text(NOTICE))


def _print_model(folder: Path) -> None:
    from rich.console import Console
    from rich.text import Text

    from tumorlens.inference import read_manifest
    from tumorlens.notice import NOTICE

    console = Console(highlight=False)
    manifest = read_manifest(folder)
    card = _card(folder)
    console.print(Text(card or f"There is no card for {folder.name}."), soft_wrap=True)
    if card is None:
        console.print(_facts(folder, manifest))
    console.print(Text("Manifest", style="bold"))
    console.print(Text(manifest.model_dump_json(indent=2)), soft_wrap=True)
    console.print(Text(NOTICE))


def _facts(folder: Path, manifest: Manifest) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    facts = [
        ("task", manifest.task),
        ("size", f"{_size(folder, manifest) / 1e6:.1f} MB"),
        ("licence", manifest.licence),
        ("sha256", manifest.sha256),
        *_joined(folder, manifest),
        *(("states", one) for one in _promises(manifest)),
        *(("left out", one) for one in _looks(manifest)),
        *(("metric", _figure(metric)) for metric in manifest.metrics),
    ]
    for label, fact in facts:
        table.add_row(label, Text(fact, overflow="fold"))
    return table


def _joined(folder: Path, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Rule and members of an ensemble; nothing of a single model."""
    from tumorlens.cli._ensembles import members_in_words, rule_in_words
    from tumorlens.inference import read_manifest

    if manifest.rule is None:
        return
    yield "labels", ", ".join(manifest.classes)
    yield "rule", rule_in_words(manifest.rule)
    for words, member in zip(members_in_words(manifest), manifest.members, strict=True):
        yield "member", f"{words} ({read_manifest(folder / member.folder).title}; sha256 {member.sha256[:12]}…)"


def _promises(manifest: Manifest) -> Iterator[str]:
    """What the manifest says about how far its answers go, in words."""
    if manifest.task == "gate":
        yield f"lets through what has a probability above {manifest.threshold:g}"
    if manifest.reading is not None:
        rules = manifest.reading
        yield (
            f"a tumor from a probability of {rules.tumor_threshold:.2f}; in doubt from {rules.doubt[0]:.2f} to "
            f"{rules.doubt[1]:.2f} ({rules.fitted_on})"
        )
    if manifest.conformal is not None:
        one = manifest.conformal
        yield f"prediction sets at {100 * one.coverage:g} % coverage ({one.images:,} images: {one.data})"
    if manifest.area_interval is not None:
        area = manifest.area_interval
        yield (
            f"true area {area.low:.2f} to {area.high:.2f} times the measured one at {100 * area.coverage:g} % coverage "
            f"({area.images:,} images: {area.data})"
        )


def _looks(manifest: Manifest) -> Iterator[str]:
    """How a reader did on each look of scans, all of sources that taught it nothing, in words."""
    from tumorlens.inference.findings import look_title

    for one in () if manifest.reading is None else manifest.reading.known:
        found = _share("tumors found in", one.sensitivity, one.sensitivity_interval, one.with_tumor, "with one")
        left = _share("none called in", one.specificity, one.specificity_interval, one.without_tumor, "without")
        sources = f" ({', '.join(one.sources)})" if one.sources else ""
        yield f"{look_title(one.sequence, one.stripped)}: {found}; {left}{sources}"


def _share(words: str, value: float | None, interval: tuple[float, float] | None, slices: int, which: str) -> str:
    if value is None:
        return f"{words} slices {which}: not measured"
    bounds = "" if interval is None else f" (95 % interval {100 * interval[0]:.0f} to {100 * interval[1]:.0f})"
    return f"{words} {100 * value:.0f} %{bounds} of {slices:,} slices {which}"


def _figure(metric: Metric) -> str:
    interval = f"{metric.low:.3f} to {metric.high:.3f}"
    return f"{metric.name} {metric.value:.3f} (95 % interval {interval}; {metric.images:,} images: {metric.data})"


def _card(folder: Path) -> str | None:
    from tumorlens.inference.manifest import CARD_FILE

    try:
        return (folder / CARD_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return None


def _size(folder: Path, manifest: Manifest) -> int:
    """Bytes of all its ONNX files."""
    from tumorlens.inference.manifest import MODEL_FILE

    places = [folder / one.folder for one in manifest.members]
    if manifest.rule is None or manifest.rule.sha256 is not None:
        places.append(folder)
    try:
        return sum((place / MODEL_FILE).stat().st_size for place in places)
    except OSError as error:
        remedy = "install tumorlens again" if manifest.rule is None else "make the ensemble again"
        raise WeightsError(f"A model file of {folder.name} is missing: {remedy}.") from error
