"""What a network consists of, and what it makes of an image on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.func import functional_call

from tumorlens.errors import UsageError

_SILENT = (nn.Identity, nn.Dropout, nn.Dropout2d)


class LayerRow(NamedTuple):
    """One layer: its name, its type, its output ``[batch, ...]`` (None where it is not run) and its parameters."""

    name: str
    type: str
    output_shape: tuple[int, ...] | None
    parameters: int
    trainable: int


def describe(network: nn.Module, size: tuple[int, int], in_channels: int = 3) -> list[LayerRow]:
    """Layers in the order in which an image of ``size`` (rows, cols) passes them; nothing is computed.

    The parameters of all rows sum to those of the network.
    """
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str, output: object) -> None:
        if isinstance(output, torch.Tensor):
            shapes.setdefault(name, tuple(output.shape))

    layers = {name: module for name, module in network.named_modules() if _is_layer(module)}
    _run_hooked(network, layers, note, lambda: run_meta(network, (1, in_channels, *size)))
    order = [*shapes, *(name for name in layers if name not in shapes)]
    return [_row(name, layers[name], shapes.get(name)) for name in order if not isinstance(layers[name], nn.Identity)]


def count_parameters(network: nn.Module) -> tuple[int, int]:
    """All parameters, and those that learn."""
    sizes = [(one.numel(), one.requires_grad) for one in network.parameters()]
    return sum(size for size, _ in sizes), sum(size for size, learns in sizes if learns)


def intermediate_maps(
    network: nn.Module, image: NDArray[np.float32] | torch.Tensor, layers: Sequence[str] | None = None
) -> dict[str, NDArray[np.float32]]:
    """Feature maps ``[channels, rows, cols]`` that the layers of a network make of one image, by layer.

    Args:
        network: any network of the registry.
        image: a prepared input, float32 ``[channels, rows, cols]``.
        layers: names of modules; None takes every layer without inner layers that answers with maps, other than
            dropout.

    Raises:
        UsageError: the network has no such layer, or it answers with no maps.
    """
    modules = dict(network.named_modules())
    for name in layers or ():
        if name not in modules:
            known = ", ".join([one for one, module in modules.items() if _is_layer(module)][:8])
            raise UsageError(f"The network has no layer '{name}': name one of its layers, such as {known}.")
    chosen = (
        {name: modules[name] for name in layers}
        if layers is not None
        else {name: module for name, module in modules.items() if _is_layer(module) and not isinstance(module, _SILENT)}
    )
    maps: dict[str, NDArray[np.float32]] = {}

    def note(name: str, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4:
            # A copy, for the activation that follows may work in place.
            maps.setdefault(name, output[0].detach().float().cpu().clone().numpy())

    parameter = next(network.parameters())
    batch = torch.as_tensor(image, dtype=parameter.dtype, device=parameter.device)[None]
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            _run_hooked(network, chosen, note, lambda: network(batch))
    finally:
        network.train(training)
    for name in layers or ():
        if name not in maps:
            raise UsageError(
                f"The layer '{name}' answers with no feature maps: choose one before the image is flattened."
            )
    return maps


def run_meta(network: nn.Module, shape: tuple[int, ...]) -> Any:
    """What ``network`` answers to an input of ``shape``, shapes alone: nothing is computed or allocated."""
    # By module, each once, and untied: a module that stands in two places would not get its own weights back.
    state = {
        f"{prefix}.{name}".lstrip("."): one.detach().to("meta")
        for prefix, module in network.named_modules()
        for name, one in chain(module.named_parameters(recurse=False), module.named_buffers(recurse=False))
    }
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            return functional_call(network, state, (torch.empty(shape, device="meta"),), tie_weights=False)
    finally:
        network.train(training)


def _is_layer(module: nn.Module) -> bool:
    return not any(True for _ in module.children()) or any(True for _ in module.parameters(recurse=False))


def _row(name: str, module: nn.Module, shape: tuple[int, ...] | None) -> LayerRow:
    sizes = [(one.numel(), one.requires_grad) for one in module.parameters(recurse=False)]
    trainable = sum(size for size, learns in sizes if learns)
    return LayerRow(name, type(module).__name__, shape, sum(size for size, _ in sizes), trainable)


def _run_hooked(
    network: nn.Module,
    layers: dict[str, nn.Module],
    note: Callable[[str, object], None],
    run: Callable[[], object],
) -> None:
    def hook_of(name: str) -> Callable[[nn.Module, object, object], None]:
        return lambda module, inputs, output: note(name, output)

    handles = [module.register_forward_hook(hook_of(name)) for name, module in layers.items()]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
