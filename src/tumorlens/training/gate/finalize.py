"""The end of a gate's run: border, export with parity check, figures, manifest, card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tumorlens.datasets.catalogue import CATALOGUE
from tumorlens.datasets.non_brain_from_heads import FROM_HEADS, make_from_head
from tumorlens.datasets.splits import load_split
from tumorlens.inference.manifest import CARD_FILE, MANIFEST_FILE, MODEL_FILE, Manifest, Metric, Training, sha256_of
from tumorlens.io.atomic import write_atomic
from tumorlens.training.export import write_onnx
from tumorlens.training.gate.data import GateDraws, prepare
from tumorlens.training.gate.fit import GateModule
from tumorlens.training.gate.pool import GatePool, Shelf
from tumorlens.training.gate.recipe import BRAIN, GateRecipe
from tumorlens.training.gate.report import card, measure, read_external, speed_ms
from tumorlens.training.run import RunFolder

PARITY_IMAGES = 64
VARIED = 3000
"""Varied pictures of the validation part that the border is chosen on beside those as they are."""
ENOUGH = 0.99
"""Share of the other pictures whose refusal is enough: no higher border is chosen for more."""
FROM_EACH = 300


def finalize_gate(
    recipe: GateRecipe, pool: GatePool, run: RunFolder, module: GateModule, fingerprint: str, data: Path
) -> Manifest:
    """Choose the border on the validation part, export the averaged network, measure and describe it.

    Raises:
        TrainingError: the network cannot be exported.
        OutputError: a file cannot be written.
    """
    run.export.mkdir(exist_ok=True)
    network, path = module.answering.eval().float().to(memory_format=torch.contiguous_format), run.export / MODEL_FILE
    border = recipe.border
    if border is None:
        border = choose_border(judged(network, pool.validation, recipe), recipe.refused_brains)
    run.write_json("border.json", {"border": border, "chosen": recipe.border is None})
    write_onnx(network, torch.rand(2, 1, *recipe.preprocessing.size), ("logits",), path, recipe.model.name, half=False)
    images = [one for shelf in pool.validation for one in shelf.pictures]
    spread = [images[place * len(images) // PARITY_IMAGES] for place in range(min(PARITY_IMAGES, len(images)))]
    difference = gate_parity(network, path, np.stack([prepare(one, recipe) for one in spread]))
    manifest = _manifest(recipe, pool, run, fingerprint, border, difference)
    _write(run.export, manifest)
    found = measure(run.export, [*pool.test, *from_test_heads(pool.test, recipe.seed)])
    for name in recipe.external:
        found = found.joined(read_external(run.export, name, data))
    run.write_text("refusals.txt", found.table() + "\n")
    return write_described(run.export, manifest.model_copy(update={"metrics": found.metrics()}))


def write_described(folder: Path, manifest: Manifest, notes: Sequence[str] = ()) -> Manifest:
    """Write a manifest with its figures, and the card that says them."""
    _write(folder, manifest)
    write_atomic(folder / CARD_FILE, card(manifest, speed_ms(folder), notes).encode())
    return manifest


@dataclass(frozen=True, eq=False)
class Judged:
    """Logits of pictures that did not teach.

    Attributes:
        logits: float64 ``[pictures]``.
        brains: whether each is a brain MRI.
        sources: where each comes from.
    """

    logits: NDArray[np.float64]
    brains: NDArray[np.bool_]
    sources: tuple[str, ...]


def judged(network: torch.nn.Module, shelves: Sequence[Shelf], recipe: GateRecipe, varied: int = VARIED) -> Judged:
    """Logits of all pictures of some shelves as they are, and of ``varied`` draws of them."""
    inputs, brains, sources = [], [], []
    for shelf in shelves:
        inputs += [prepare(one, recipe) for one in shelf.pictures]
        brains += [shelf.kind == BRAIN] * len(shelf.pictures)
        sources += [f"{shelf.kind}: {shelf.source}"] * len(shelf.pictures)
    if varied and any(shelf.kind == BRAIN for shelf in shelves):
        draws = GateDraws(shelves, recipe, recipe.seed + 1)
        for number in range(varied):
            array, brain = draws.prepared(0, number)
            inputs.append(array)
            brains.append(brain)
            sources.append("varied")
    return Judged(answers(network, np.stack(inputs)), np.array(brains), tuple(sources))


def answers(network: torch.nn.Module, images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logits of prepared images ``[images, 1, rows, cols]``."""
    with torch.inference_mode():
        parts = [network(torch.from_numpy(images[at : at + 256]))[:, 0] for at in range(0, len(images), 256)]
    return torch.cat(parts).double().numpy()


def choose_border(found: Judged, refused: float) -> float:
    """Logit below which a picture is refused.

    As high as at most ``refused`` of the brains of all sources together, each source counting alike, lie below it;
    where a lower one already refuses 99 % of the others, halfway between the two.
    """
    names = np.array(found.sources)
    weight = np.zeros(len(names))
    for name in set(found.sources):
        here = (names == name) & found.brains
        if here.any():
            weight[here] = here.sum() ** -0.5
    logits, weight = found.logits[found.brains], weight[found.brains]
    order = np.argsort(logits)
    below = np.cumsum(weight[order]) / weight.sum()
    highest = float(logits[order][min(int(np.searchsorted(below, refused)), len(order) - 1)])
    enough = float(np.quantile(found.logits[~found.brains], ENOUGH)) if (~found.brains).any() else highest
    return round((highest + enough) / 2 if enough < highest else highest, 4)


def gate_parity(network: torch.nn.Module, path: Path, images: NDArray[np.float32]) -> float:
    """Largest difference of probabilities between torch and ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(["logits"], {"image": images})
    with torch.inference_mode():
        expected = network(torch.from_numpy(images)).sigmoid()
    return float((expected - torch.from_numpy(np.asarray(found)).sigmoid()).abs().max())


def from_test_heads(shelves: Sequence[Shelf], seed: int) -> list[Shelf]:
    """Pictures made of test heads, of every kind that is made so."""
    heads = [one for shelf in shelves if shelf.kind == BRAIN for one in shelf.pictures if min(one.shape) >= 32]
    if not heads:
        return []
    found = []
    for place, kind in enumerate(FROM_HEADS):
        rng = np.random.default_rng([seed, 9, place])
        chosen = [heads[int(rng.integers(len(heads)))] for _ in range(FROM_EACH)]
        found.append(Shelf(kind, "made", tuple(make_from_head(kind, one, rng) for one in chosen)))
    return found


def _write(folder: Path, manifest: Manifest) -> None:
    write_atomic(folder / MANIFEST_FILE, (manifest.model_dump_json(indent=1) + "\n").encode())


def _manifest(
    recipe: GateRecipe, pool: GatePool, run: RunFolder, fingerprint: str, border: float, difference: float
) -> Manifest:
    environment = run.read_json("environment.json")
    splits = [load_split(one.split) for one in recipe.brains if one.split is not None]
    taught = [one.collection for one in recipe.brains if one.collection not in recipe.leave_out]
    licences = {name: CATALOGUE[name].licence for name in taught} | pool.licences
    metrics: tuple[Metric, ...] = ()
    return Manifest(
        name=recipe.name,
        version=recipe.version,
        title=recipe.title,
        task="gate",
        preprocessing=recipe.preprocessing,
        threshold=float(np.clip(1 / (1 + np.exp(-border)), 1e-6, 1 - 1e-6)),
        least_values=recipe.least_values,
        parity=difference,
        training=Training(
            recipe=recipe.name,
            collection=" + ".join(taught),
            split=" + ".join([*(one.name for one in splits), "people by digest"]),
            split_sha256=splits[0].sha256 if splits else "",
            data_licence="; ".join(f"{name}: {licence}" for name, licence in licences.items()),
            images=pool.images("train"),
            phantoms=sum(len(one.pictures) for one in pool.train if one.source == "phantoms"),
            data_fingerprint=fingerprint,
            seed=recipe.seed,
            epochs=recipe.epochs,
            commit=environment["commit"],
            versions=environment["packages"],
        ),
        metrics=metrics,
        limits=recipe.limits,
        licence=recipe.licence,
        sha256=sha256_of(run.export / MODEL_FILE),
    )
