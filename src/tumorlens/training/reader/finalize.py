"""The end of a reader's run: what its doubts are fitted on, export with parity check, manifest, card."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.catalogue import CATALOGUE
from tumorlens.datasets.splits import load_split
from tumorlens.evaluation.card import model_card_from
from tumorlens.inference.manifest import (
    CARD_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    AreaInterval,
    Manifest,
    ReadingRules,
    Training,
    sha256_of,
)
from tumorlens.io.atomic import write_atomic
from tumorlens.training.environment import describe_environment
from tumorlens.training.reader.answers import Answers, answer_pool
from tumorlens.training.reader.export import export_reader, reader_parity
from tumorlens.training.reader.module import ReaderModule
from tumorlens.training.reader.outlines import fit_outline
from tumorlens.training.reader.pool import Pool
from tumorlens.training.reader.recipe import ReaderRecipe
from tumorlens.training.reader.rules import Judged, fit_kind_rules, fit_tumor_rules, weighted_quantile
from tumorlens.training.reader.unlike import fit_unlike, unlike_scores
from tumorlens.training.run import RunFolder

SPECIFICITY = 0.95
KNOWN_SHARE = 0.95
"""Share of the validation slices, weighted, that the threshold of the unlike score lets pass."""
FITTED = 3000
PARITY_IMAGES = 32


def finalize_reader(
    recipe: ReaderRecipe, train: Pool, validation: Pool, run: RunFolder, module: ReaderModule, fingerprint: str
) -> Manifest:
    """Fit the rules on the validation part, export the averaged network, and describe it.

    Returns:
        The manifest.

    Raises:
        TrainingError: the network cannot be exported.
        OutputError: a file cannot be written.
    """
    run.export.mkdir(exist_ok=True)
    network, path = module.answering, run.export / MODEL_FILE
    taught, plain = subset(train, FITTED, recipe.seed), recipe.model_copy(update={"views": ("identity",)})
    unlike = fit_unlike(answer_pool(network, taught, plain).embedding, stratum_shares(taught))
    answers = answer_pool(network, validation, recipe)
    judged = judge(validation, answers, recipe)
    words = "the validation slices of the sources that taught it"
    rules = rules_of(recipe, judged, words)
    threshold, fraction, interval = fit_outline(validation, answers, words)
    scores = unlike_scores(unlike, answers.embedding).astype(np.float64)
    limit = round(weighted_quantile(scores, judged.weight, KNOWN_SHARE), 4)
    rules = rules.model_copy(update={"mask_threshold": threshold, "unlike_threshold": limit})
    wrapped = export_reader(network, unlike, recipe, path)
    images = np.stack([recipe.preprocessing.normalize(_image(validation, at)) for at in _spread(len(validation))])
    manifest = _manifest(
        recipe, run, len(train), fingerprint, rules, fraction, interval, reader_parity(wrapped, path, images)
    )
    write_manifest(run.export, manifest)
    return manifest


def rules_of(recipe: ReaderRecipe, judged: Judged, fitted_on: str) -> ReadingRules:
    """Rules fitted on slices that did not teach the network."""
    tumor = fit_tumor_rules(judged, SPECIFICITY)
    temperature, kind = fit_kind_rules(judged)
    return ReadingRules(
        kinds=tuple(str(one) for one in recipe.kinds),
        tumor_scale=tumor.scale,
        tumor_bias=tumor.bias,
        tumor_threshold=tumor.threshold,
        doubt=tumor.doubt,
        turned=tumor.turned,
        kind_temperature=temperature,
        kind_threshold=kind,
        views=recipe.views,
        turns_when_doubtful=recipe.turns_when_doubtful,
        fitted_on=fitted_on,
    )


def judge(pool: Pool, answers: Answers, recipe: ReaderRecipe) -> Judged:
    """What the answers about a pool are compared with."""
    records = [one.record for one in pool.items]
    kinds = [recipe.kind_index(str(one.label)) if one.is_tumor else -1 for one in records]
    return Judged(
        answers.tumor_logit,
        answers.kind_logits,
        np.array([one.is_tumor for one in records]),
        np.array(kinds, dtype=np.int64),
        stratum_shares(pool),
    )


def stratum_shares(pool: Pool) -> NDArray[np.float64]:
    """Weights that let every stratum count by the square root of its size."""
    names = [one.stratum for one in pool.items]
    sizes = {name: names.count(name) for name in set(names)}
    return np.array([sizes[name] ** -0.5 for name in names], dtype=np.float64)


def subset(pool: Pool, count: int, seed: int) -> Pool:
    """At most ``count`` slices, drawn by their strata's weights without repeating any."""
    if len(pool) <= count:
        return pool
    weights = stratum_shares(pool)
    chosen = np.sort(
        np.random.default_rng(seed).choice(len(pool), size=count, replace=False, p=weights / weights.sum())
    )
    return Pool(
        tuple(pool.items[at] for at in chosen),
        pool.images[chosen],
        pool.masks[chosen],
        pool.masked[chosen],
        pool.whole[chosen],
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest and card beside the model."""
    write_atomic(folder / MANIFEST_FILE, (manifest.model_dump_json(indent=1) + "\n").encode())
    command = f"tumorlens train {manifest.training.recipe} --data DATASETS --out RUN"
    write_atomic(folder / CARD_FILE, model_card_from(None, manifest, command).encode())


def _spread(count: int) -> list[int]:
    chosen = min(PARITY_IMAGES, count)
    return [place * count // chosen for place in range(chosen)]


def _image(pool: Pool, index: int) -> NDArray[np.float32]:
    return np.asarray(pool.images[index], dtype=np.float32) / np.float32(255)


def _manifest(
    recipe: ReaderRecipe,
    run: RunFolder,
    images: int,
    fingerprint: str,
    rules: ReadingRules,
    fraction: float,
    interval: AreaInterval | None,
    parity: float,
) -> Manifest:
    environment = run.read_json("environment.json") if (run.root / "environment.json").is_file() else {}
    environment = environment or describe_environment()
    names = [one.collection for one in recipe.sources]
    splits = [one.split for one in recipe.sources if one.split is not None]
    digest = hashlib.sha256("".join(load_split(one).sha256 for one in splits).encode()).hexdigest()
    return Manifest(
        name=recipe.name,
        version=recipe.version,
        title=recipe.title,
        task="reading",
        preprocessing=recipe.preprocessing,
        min_region_fraction=fraction,
        area_interval=interval,
        reading=rules,
        parity=parity,
        training=Training(
            recipe=recipe.name,
            collection=" + ".join(names),
            split=" + ".join([*splits, "people by digest"]),
            split_sha256=digest,
            data_licence="; ".join(f"{name}: {CATALOGUE[name].licence}" for name in names),
            images=images,
            phantoms=0,
            data_fingerprint=fingerprint,
            seed=recipe.seed,
            epochs=recipe.epochs,
            pretrained=Path(recipe.model.pretrained).name,
            commit=environment["commit"],
            versions=environment["packages"],
        ),
        limits=recipe.limits,
        licence=recipe.licence,
        sha256=sha256_of(run.export / MODEL_FILE),
    )
