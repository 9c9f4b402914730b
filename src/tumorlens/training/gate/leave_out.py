"""How a gate does on a source of brains, and on a kind of other pictures, that taught it nothing.

For every row a smaller run is trained on the same drawn pictures without those of the source and of the kind, its
border is chosen as the recipe says, and what was left out is asked as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from tumorlens.datasets.non_brain_from_heads import FROM_HEADS
from tumorlens.training.gate.data import GateDraws, prepare
from tumorlens.training.gate.finalize import answers, choose_border, from_test_heads, judged
from tumorlens.training.gate.fit import build_gate
from tumorlens.training.gate.pool import GatePool, Shelf, is_left_out
from tumorlens.training.gate.recipe import BRAIN, GateRecipe
from tumorlens.training.gate.report import wilson

ASKED = 400
"""Pictures of what was left out that are asked at most."""


@dataclass(frozen=True)
class LeftOut:
    """What became of pictures of a source or kind that taught nothing.

    Attributes:
        kind: ``"brain"``, or what the pictures show.
        source: of the brains; ``"all"`` for a kind.
        refused: how many were refused.
        pictures: how many were asked.
        real: how many of them are no made ones.
    """

    kind: str
    source: str
    refused: int
    pictures: int
    real: int


@dataclass(frozen=True, eq=False)
class Bank:
    """Pictures drawn once: inputs in 8 bits ``[pictures, rows, cols]``, and what each shows and where it comes from."""

    inputs: NDArray[np.uint8]
    kinds: tuple[str, ...]
    sources: tuple[str, ...]


def draw_bank(pool: GatePool, recipe: GateRecipe, count: int) -> Bank:
    """Draw ``count`` varied pictures of what teaches."""
    draws = GateDraws(pool.train, recipe, recipe.seed)
    plain = recipe.model_copy(update={"preprocessing": recipe.preprocessing.plain()})
    drawn = [draws.draw(0, number) for number in range(count)]
    inputs = np.stack([np.rint(prepare(one.picture, plain)[0] * 255).astype(np.uint8) for one in drawn])
    return Bank(inputs, tuple(one.kind for one in drawn), tuple(one.source for one in drawn))


def leave_out(
    recipe: GateRecipe,
    pool: GatePool,
    bank: Bank,
    epochs: int,
    runs: int,
    progress: Callable[[LeftOut], None] = lambda row: None,
) -> list[LeftOut]:
    """Leave every source of brains and every kind of other pictures out once, divided among ``runs`` runs.

    Sources that follow each other in the recipe are left out together (those that share pictures do), and kinds that
    do not.
    """
    sources = list(dict.fromkeys(one.source.split(":")[0] for one in pool.train if one.kind == BRAIN))
    sources = [one for one in sources if one != "phantoms"]
    kinds = list(dict.fromkeys([*(one.kind for one in pool.train if one.kind != BRAIN), *FROM_HEADS]))
    found = []
    width = -(-len(sources) // runs)
    for number in range(runs):
        left = [*sources[number * width : (number + 1) * width], *kinds[number::runs]]
        if not left:
            continue
        lean = recipe.model_copy(update={"leave_out": tuple(left)})
        network = _train(lean, _without(bank, left), epochs)
        rest = pool.without(left)
        border = choose_border(judged(network, rest.validation, lean, varied=600), recipe.refused_brains)
        for name in left:
            row = _ask(network, lean, pool, name, border)
            found.append(row)
            progress(row)
    return found


def table(rows: Sequence[LeftOut], draws: int, epochs: int, runs: int) -> list[str]:
    """Lines of Markdown for the card."""
    lines = [
        "## Leaving one out",
        "",
        f"Each source of brains and each kind of other pictures, asked of a gate that learnt from none of it: {runs} "
        f"smaller runs of {draws:,} drawn pictures seen {epochs} times, each without a share of the sources and of the "
        "kinds, the border chosen without them. Brains are to be let through, all else refused; of kinds, all their "
        "pictures were left out, made and real. The run that ships saw more, and all of them.",
        "",
        "| left out | refused | 95 % interval | pictures | of them real |",
        "|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda one: one.kind != BRAIN):
        low, high = wilson(row.refused, row.pictures)
        name = f"brains of {row.source}" if row.kind == BRAIN else row.kind
        share = row.refused / row.pictures
        lines.append(f"| {name} | {share:.4f} | {low:.4f} to {high:.4f} | {row.pictures} | {row.real} |")
    return [*lines, ""]


def as_rows(rows: Sequence[LeftOut]) -> list[dict[str, object]]:
    """Plain data of the rows."""
    return [asdict(one) for one in rows]


def _without(bank: Bank, left: Sequence[str]) -> Bank:
    kept = [
        at
        for at, (kind, source) in enumerate(zip(bank.kinds, bank.sources, strict=True))
        if kind not in left and source.split(":")[0] not in left
    ]
    return Bank(bank.inputs[kept], tuple(bank.kinds[at] for at in kept), tuple(bank.sources[at] for at in kept))


def _train(recipe: GateRecipe, bank: Bank, epochs: int) -> torch.nn.Module:
    """AdamW in one cycle over the bank; each batch is mirrored and turned anew."""
    torch.manual_seed(recipe.seed)
    network = build_gate(recipe).to(memory_format=torch.channels_last).train()
    inputs = torch.from_numpy(bank.inputs)[:, None]
    truths = torch.tensor([[float(kind == BRAIN)] for kind in bank.kinds])
    size = recipe.batch_size
    steps = epochs * (len(inputs) // size)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.optimizer.lr, weight_decay=recipe.optimizer.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.optimizer.lr, total_steps=steps + 1)
    mean, spread = float(np.mean(recipe.preprocessing.mean)), float(np.mean(recipe.preprocessing.std))
    for _ in range(epochs):
        for chosen in torch.randperm(len(inputs))[: len(inputs) // size * size].view(-1, size):
            image = (torch.rot90(inputs[chosen], int(torch.randint(4, ())), (2, 3)).float() / 255 - mean) / spread
            image = image.flip(3) if torch.rand(()) < 0.5 else image
            target = truths[chosen] * (1 - recipe.smoothing) + recipe.smoothing / 2
            loss = binary_cross_entropy_with_logits(network(image), target)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return network.to(memory_format=torch.contiguous_format).eval()


def _ask(network: torch.nn.Module, recipe: GateRecipe, pool: GatePool, name: str, border: float) -> LeftOut:
    everything = [*pool.train, *pool.validation, *pool.test]
    shelves = [one for one in everything if is_left_out(one, [name])]
    if not shelves:
        shelves = [one for one in from_test_heads(pool.test, recipe.seed) if one.kind == name]
    kind = BRAIN if any(one.kind == BRAIN for one in shelves) else name
    logits = np.concatenate([_logits(network, recipe, one, len(shelves)) for one in shelves])
    real = sum(min(len(one.pictures), _quota(len(shelves))) for one in shelves if one.source != "made")
    source = name if kind == BRAIN else "all"
    return LeftOut(kind, source, int((logits <= border).sum()), len(logits), real)


def _quota(shelves: int) -> int:
    return max(8, ASKED // shelves)


def _logits(network: torch.nn.Module, recipe: GateRecipe, shelf: Shelf, shelves: int) -> NDArray[np.float64]:
    pictures = shelf.pictures[:: max(1, -(-len(shelf.pictures) // _quota(shelves)))]
    return answers(network, np.stack([prepare(one, recipe) for one in pictures]))
