"""``tumorlens activations``: what a network's layers make of an image, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EPILOG = """\b
Examples:
  tumorlens activations runs/vgg16 scan.jpg
  tumorlens activations runs/cnn scan.dcm --layers layers.0,layers.3 --out maps.png"""
NEEDED = ("yaml", "torch", "lightning", "timm", "matplotlib")


def activations(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run of a convolutional network.")],
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A scan; the middle slice of a volume.")],
    layers: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="Layers to draw; convolutions spread over the depth by default."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Picture to write, and an SVG beside it; activations-<image>.png."),
    ] = None,
) -> None:
    """Draw a network's intermediate maps for an image, one row for each layer. Needs the train extra."""
    from tumorlens._optional import require

    for module in NEEDED:
        require(module, "train")
    from rich.console import Console
    from rich.text import Text

    from tumorlens.cli.text import printable
    from tumorlens.errors import UsageError
    from tumorlens.inference.scans import open_slice
    from tumorlens.notice import NOTICE
    from tumorlens.training.activations import draw_maps, network_maps
    from tumorlens.training.again import check_is_network, open_run

    target = out or Path(f"activations-{image.name.split('.')[0]}.png")
    if target.suffix.lower() not in ("", ".png"):
        raise UsageError(f"--out {target} is no PNG: name a file that ends in .png.")
    check_is_network(run)
    recipe, _, module = open_run(run)
    scan = open_slice(image).scan
    prepared = recipe.preprocessing(scan.pixels, scan.spacing_mm).array
    chosen = None if layers is None else [one.strip() for one in layers.split(",") if one.strip()]
    maps = network_maps(module.network, prepared, chosen)
    png, svg = draw_maps(prepared, maps, target, f"{recipe.name}: intermediate maps of {image.name}")
    console = Console(highlight=False)
    for line in (f"Drew {len(maps)} layers: {', '.join(maps)}", f"{png}, {svg}", NOTICE):
        console.print(Text(printable(line)), soft_wrap=True)
