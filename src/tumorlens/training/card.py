"""The model card (Mitchell et al., Model Cards for Model Reporting, FAT* 2019), written from the manifest."""

from __future__ import annotations

from tumorlens.datasets.catalogue import Entry
from tumorlens.inference.manifest import Manifest
from tumorlens.training.recipe import Recipe


def model_card(manifest: Manifest, recipe: Recipe, collection: Entry) -> str:
    """Markdown card of a finished model."""
    training = manifest.training
    lines = [
        f"# {manifest.name} {manifest.version}",
        "",
        f"{manifest.title}. **Research use, not a medical device.**",
        "",
        f"- Task: {manifest.task}" + (f" into {', '.join(manifest.classes)}" if manifest.classes else " of the tumor"),
        f"- Input: {manifest.preprocessing.size[0]} x {manifest.preprocessing.size[1]} px, "
        f"{manifest.preprocessing.channels} channel, crop {manifest.preprocessing.crop}, {manifest.preprocessing.fit}",
        f"- Licence of the weights: {manifest.licence}; sha256 `{manifest.sha256}`",
        f"- Largest difference of probabilities between torch and ONNX Runtime: {manifest.parity:.1e}",
        "",
        "## Data",
        "",
        f"{collection.title} ({collection.licence}): {collection.citation}. {training.images} images trained it, with "
        f"{training.phantoms} made head phantoms of known geometry among them so that the demo's phantoms are not "
        f"foreign to it. Split `{training.split}` (sha256 `{training.split_sha256[:12]}`). Pretrained weights: "
        f"{training.pretrained}.",
        "",
        "## Figures",
        "",
        "| figure | value | 95 % interval | images | measured on |",
        "|---|---|---|---|---|",
        *(
            f"| {one.name} | {one.value:.4f} | {one.low:.4f} to {one.high:.4f} | {one.images} | {one.data} |"
            for one in manifest.metrics
        ),
        "",
        _chosen(manifest),
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in manifest.limits),
        "",
        "## Recipe",
        "",
        f"`tumorlens train {recipe.name} --data DATASETS --out RUN` (seed {training.seed}, {training.epochs} epochs, "
        f"commit `{training.commit}`).",
        "",
    ]
    return "\n".join(lines)


def _chosen(manifest: Manifest) -> str:
    averaged = " Probabilities are averaged over the image and its mirror image." if manifest.flip_average else ""
    if manifest.task == "classification":
        return f"The validation part chose the checkpoint and the temperature {manifest.temperature:.3f}.{averaged}"
    return (
        f"The validation part chose the checkpoint, the threshold {manifest.threshold:.2f} and the smallest region, "
        f"{manifest.min_region_fraction:.4f} of the head's box.{averaged}"
    )
