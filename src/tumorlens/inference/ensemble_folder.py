"""Put an ensemble together as a model folder, from the model folders of its members."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tumorlens.errors import OutputError, UsageError
from tumorlens.inference.ensemble import class_order, open_ensemble
from tumorlens.inference.manifest import (
    CARD_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    Manifest,
    Member,
    Rule,
    Training,
    ensemble_sha256,
    read_manifest,
    sha256_of,
)
from tumorlens.io.atomic import write_atomic

LEAKING = "Fitted on test images, as published: figures on them flatter it."


@dataclass(frozen=True)
class Part:
    """A model that is to be a member: its name and its folder."""

    name: str
    folder: Path


def check_members(parts: Sequence[Part]) -> tuple[Manifest, ...]:
    """Manifests of models that may be joined.

    Raises:
        UsageError: fewer than two, one twice, one that is no single classifier, or other classes.
        WeightsError: a manifest cannot be read.
    """
    if len(parts) < 2:
        raise UsageError(f"{len(parts)} model is too few to join: name two or more runs or models.")
    places = [one.folder.resolve() for one in parts]
    for one, place in zip(parts, places, strict=True):
        if places.count(place) > 1:
            raise UsageError(f"{one.folder} is named twice: each run or model joins once.")
    manifests = tuple(read_manifest(one.folder) for one in parts)
    for part, manifest in zip(parts, manifests, strict=True):
        if manifest.task != "classification" or manifest.rule is not None:
            what = "is an ensemble itself" if manifest.rule is not None else f"does {manifest.task}"
            raise UsageError(f"{part.name} {what}: join runs of single classifiers.")
        if set(manifest.classes) != set(manifests[0].classes):
            raise UsageError(
                f"{part.name} knows the classes {', '.join(manifest.classes)}, and {parts[0].name} "
                f"{', '.join(manifests[0].classes)}: join models of the same classes."
            )
    return manifests


def member_entries(parts: Sequence[Part]) -> tuple[Member, ...]:
    """Members as a manifest lists them; names that a folder cannot have are simplified."""
    found = []
    for number, part in enumerate(parts):
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", part.name).strip("-.") or "model"
        found.append(
            Member(
                name=part.name,
                folder=f"members/{number}-{plain}",
                sha256=sha256_of(part.folder / MODEL_FILE),
                manifest_sha256=sha256_of(part.folder / MANIFEST_FILE),
                activation=read_manifest(part.folder).activation,
            )
        )
    return tuple(found)


def ensemble_manifest(
    parts: Sequence[Part], rule: Rule, training: Training, *, temperature: float = 1.0, parity: float = 0.0
) -> Manifest:
    """Manifest of an ensemble.

    Args:
        parts: its members; classes are in the first one's order, and activation maps are of the first that can.
        rule: what joins them.
        training: where the ensemble comes from.
        temperature: of the stack.
        parity: of the stack; the manifest states the largest of it and the members'.

    Raises:
        UsageError: these cannot be joined.
        WeightsError: a member's files cannot be read.
    """
    manifests = check_members(parts)
    members = member_entries(parts)
    names = ", ".join(one.name for one in parts)
    return Manifest(
        name=f"{rule.name}-of-{len(parts)}",
        version="1",
        title=f"{_TITLES[rule.name]} of {names}",
        task="classification",
        preprocessing=manifests[0].preprocessing,
        classes=manifests[0].classes,
        activation="cam" if any(one.activation == "cam" for one in members) else "none",
        temperature=temperature,
        parity=max(parity, *(one.parity for one in manifests)),
        training=training,
        limits=(
            *((LEAKING,) if rule.leaking else ()),
            *dict.fromkeys(line for one in manifests for line in one.limits),
        ),
        licence=" and ".join(dict.fromkeys(one.licence for one in manifests)),
        sha256=ensemble_sha256(members, rule),
        members=members,
        rule=rule,
    )


_TITLES = {"majority": "Majority vote", "mean": "Mean", "weighted": "Weighted mean", "stacking": "Stack"}


def write_ensemble(folder: Path, parts: Sequence[Part], manifest: Manifest, stack: bytes | None = None) -> None:
    """Write an ensemble as a model folder, and load it once to see that it is whole.

    Args:
        folder: new, or empty but for an earlier ensemble, which is replaced.
        parts: model folders of the members, which are copied.
        manifest: of the ensemble.
        stack: the ONNX file of the network that joins the members, where there is one.

    Raises:
        OutputError: it cannot be written, or the folder holds something else.
        WeightsError: what was written cannot be loaded.
    """
    for part in parts:
        class_order(read_manifest(part.folder), manifest.classes)
    known = {MANIFEST_FILE, MODEL_FILE, CARD_FILE, "members"}
    if folder.is_dir() and {one.name for one in folder.iterdir()} - known:
        raise OutputError(f"{folder} holds something else than a model: choose another folder.")
    try:
        # The manifest goes first and comes last, so that an interrupted copy is no model.
        (folder / MANIFEST_FILE).unlink(missing_ok=True)
        (folder / MODEL_FILE).unlink(missing_ok=True)
        shutil.rmtree(folder / "members", ignore_errors=True)
        for part, member in zip(parts, manifest.members, strict=True):
            place = folder / member.folder
            place.mkdir(parents=True)
            for name in (MODEL_FILE, MANIFEST_FILE, CARD_FILE):
                if (part.folder / name).is_file():
                    shutil.copyfile(part.folder / name, place / name)
    except OSError as error:
        raise OutputError(f"The ensemble cannot be written to {folder}: {error.strerror or error}.") from error
    if stack is not None:
        write_atomic(folder / MODEL_FILE, stack)
    write_manifest(folder, manifest)
    open_ensemble(folder, threads=1)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``manifest.json`` of a model folder."""
    write_atomic(folder / MANIFEST_FILE, (manifest.model_dump_json(indent=1) + "\n").encode())
