"""Several classifiers that answer as one: each prepares its own input, and a rule joins their probabilities."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import WeightsError
from tumorlens.inference.classifier import Classification, Classifier
from tumorlens.inference.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    Manifest,
    Member,
    Rule,
    ensemble_sha256,
    read_manifest,
    sha256_of,
)
from tumorlens.inference.opening import open_session
from tumorlens.inference.session import Floats, onnx_session, softmax
from tumorlens.scan import Scan, Slice

TIE_SHARE = 0.001
"""Share of the mean probability in the answer of a majority, which decides ties and never overrules a vote."""

Joined = NDArray[np.float64]


class Stack:
    """The network over all members' probabilities.

    Args:
        folder: holds its ``model.onnx``.
        sha256: hex digest that the file must have.
        threads: processor threads of one run; 0 lets ONNX Runtime choose.

    Raises:
        WeightsError: the file is missing, altered, or no such network.
    """

    def __init__(self, folder: Path, sha256: str, threads: int = 0) -> None:
        path = folder / MODEL_FILE
        try:
            content = path.read_bytes()
        except OSError as error:
            raise WeightsError(
                f"The network {path} that joins the ensemble cannot be read: export it again."
            ) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise WeightsError(f"The network {path} that joins the ensemble was altered or damaged: export it again.")
        self._session = onnx_session(content, threads, folder)
        inputs = [one.name for one in self._session.get_inputs()]
        if inputs != ["probabilities"] or "logits" not in [one.name for one in self._session.get_outputs()]:
            raise WeightsError(f"The network {path} must take 'probabilities' and answer 'logits': export it again.")

    def logits(self, probabilities: Joined) -> Floats:
        """Logits ``[images, classes]`` for the members' probabilities ``[members, images, classes]``."""
        rows = stacked(probabilities)
        (found,) = self._session.run(["logits"], {"probabilities": rows})
        return np.asarray(found, dtype=np.float32)


def stacked(probabilities: Joined) -> Floats:
    """Input of a stack, float32 ``[images, members * classes]``, from ``[members, images, classes]``."""
    members, images, classes = probabilities.shape
    rows = probabilities.transpose(1, 0, 2).reshape(images, members * classes)
    return np.ascontiguousarray(rows, dtype=np.float32)


def join(probabilities: Joined, rule: Rule) -> Joined:
    """Probabilities of an ensemble, float64 ``[images, classes]``, by every rule but stacking.

    The likeliest class is the one that the rule chooses. A majority answers the share of votes, of which a thousandth
    is the mean probability: that decides ties, and is too little to overrule a vote. Where the mean probabilities of
    tied classes are equal too, the class that the manifest names first is chosen.

    Args:
        probabilities: of each member, ``[members, images, classes]``, the classes in one order.
        rule: majority, mean or weighted.
    """
    if rule.name == "weighted":
        return np.asarray(np.tensordot(np.asarray(rule.weights), probabilities, axes=1))
    mean: Joined = probabilities.mean(axis=0)
    if rule.name == "mean":
        return mean
    votes = (probabilities.argmax(axis=2)[..., None] == np.arange(probabilities.shape[2])).mean(axis=0)
    return np.asarray((1 - TIE_SHARE) * votes + TIE_SHARE * mean)


class Ensemble:
    """Asks every member, and joins what they say.

    The activation map is that of the first member, in the manifest's order, that gives one and names the joined label
    itself; there is none where no such member is.

    Args:
        manifest: the ensemble's.
        members: one classifier for each of its members, in their order.
        stack: the network that joins them where the rule is stacking.

    Raises:
        WeightsError: a member knows other classes.
    """

    def __init__(self, manifest: Manifest, members: Sequence[Classifier], stack: Stack | None = None) -> None:
        self.manifest = manifest
        self.members = tuple(members)
        self._stack = stack
        self._orders = [class_order(one.manifest, manifest.classes) for one in members]

    def __call__(self, slices: Sequence[Scan | Slice]) -> list[Classification]:
        """Classify 2-D scans, each member in one batch."""
        answers = [member(slices) for member in self.members]
        table = np.array([[list(one.probabilities.values()) for one in member] for member in answers], dtype=np.float64)
        aligned = np.stack([rows[:, order] for rows, order in zip(table, self._orders, strict=True)])
        joined = self.join(aligned)
        return [self._answer(row, [member[at] for member in answers]) for at, row in enumerate(joined)]

    def join(self, probabilities: Joined) -> Joined:
        """Probabilities ``[images, classes]`` for those of the members, ``[members, images, classes]``."""
        rule = self.manifest.rule
        assert rule is not None
        if self._stack is None:
            return join(probabilities, rule)
        logits = self._stack.logits(probabilities)
        return np.asarray(softmax(logits / np.float32(self.manifest.temperature)), dtype=np.float64)

    def _answer(self, row: Joined, members: Sequence[Classification]) -> Classification:
        classes = self.manifest.classes
        label = classes[int(row.argmax())]
        maps = (one.activation_map for one in members if one.label == label and one.activation_map is not None)
        probabilities = {name: float(value) for name, value in zip(classes, row, strict=True)}
        return Classification(probabilities, label, next(maps, None))


def class_order(member: Manifest, classes: Sequence[str]) -> list[int]:
    """Where each of ``classes`` stands among the member's own.

    Raises:
        WeightsError: these are not the same classes.
    """
    if set(member.classes) != set(classes):
        raise WeightsError(
            f"{member.name} knows the classes {', '.join(member.classes)}, and the ensemble {', '.join(classes)}: join "
            "models of the same classes."
        )
    return [member.classes.index(name) for name in classes]


def open_ensemble(folder: Path, threads: int = 0) -> Ensemble:
    """Load an ensemble with all its members.

    Args:
        folder: holds ``manifest.json``, ``members/`` and for stacking ``model.onnx``.
        threads: processor threads of one run; 0 lets ONNX Runtime choose.

    Raises:
        WeightsError: it is no ensemble, or something in it is missing, altered or does not fit.
    """
    manifest = read_manifest(folder)
    rule = manifest.rule
    if rule is None:
        raise WeightsError(f"The model in {folder} is no ensemble: make one with tumorlens vote or tumorlens stack.")
    if ensemble_sha256(manifest.members, rule) != manifest.sha256:
        raise WeightsError(
            f"The manifest of the ensemble in {folder} was altered: its members and rule do not have the sha256 "
            f"{manifest.sha256[:12]}… that it states; make the ensemble again."
        )
    members = [_open_member(folder, one, threads) for one in manifest.members]
    stack = None if rule.sha256 is None else Stack(folder, rule.sha256, threads)
    return Ensemble(manifest, members, stack)


def _open_member(folder: Path, member: Member, threads: int) -> Classifier:
    place = folder / member.folder
    for name, stated in ((MANIFEST_FILE, member.manifest_sha256), (MODEL_FILE, member.sha256)):
        try:
            found = sha256_of(place / name)
        except OSError as error:
            raise WeightsError(
                f"The member {member.name} of the ensemble lacks {place / name}: make the ensemble again."
            ) from error
        if found != stated:
            raise WeightsError(
                f"{place / name} of the member {member.name} has sha256 {found[:12]}…, and the ensemble says "
                f"{stated[:12]}…: it was altered or damaged, so the ensemble is not used; make it again."
            )
    return Classifier(open_session(place, "classification", threads))
