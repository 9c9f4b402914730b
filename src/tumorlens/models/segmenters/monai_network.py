"""Any segmentation network of MONAI by its class name."""

from __future__ import annotations

import inspect
from typing import Any

from monai.networks import nets
from torch import nn

from tumorlens.models.segmenters.padding import Padded


def monai_network(
    *,
    in_channels: int,
    outputs: int,
    size: tuple[int, int],
    network: str = "UNet",
    multiple: int = 32,
    deep_supervision: bool = False,
    **options: Any,
) -> nn.Module:
    """A two-dimensional MONAI network for inputs of any size.

    Args:
        in_channels: channels of the input.
        outputs: number of masks.
        size: input ``(rows, cols)``, which networks with ``img_size`` are bound to.
        network: class in ``monai.networks.nets``.
        multiple: of what both sides must be for it.
        deep_supervision: train on every output of a network that takes this parameter.
        **options: its parameters; ``spatial_dims``, ``in_channels``, ``out_channels`` and ``img_size`` are filled in.

    Raises:
        ValueError: MONAI has no such segmentation network.
    """
    build = getattr(nets, network, None)
    known = networks()
    if network not in known:
        raise ValueError(f"MONAI has no segmentation network '{network}'; choose one of {', '.join(known)}")
    takes = inspect.signature(build).parameters  # type: ignore[arg-type]
    filled: dict[str, Any] = {"spatial_dims": 2, "in_channels": in_channels, "out_channels": outputs}
    if "img_size" in takes:
        filled["img_size"] = size
    if deep_supervision:
        if "deep_supervision" not in takes:
            raise ValueError(f"MONAI's {network} has no deep supervision")
        options["deep_supervision"] = True
    model = build(**{**filled, **options})  # type: ignore[misc]
    if not isinstance(model, nn.Module):
        raise ValueError(f"MONAI's {network} is no network")
    return Padded(model, multiple, deep_supervision)


def networks() -> list[str]:
    """Names of MONAI's networks that take dimensions, input channels and output channels."""
    found = []
    for name, build in vars(nets).items():
        if inspect.isclass(build) and issubclass(build, nn.Module) and build.__name__ == name:
            takes = inspect.signature(build).parameters
            if {"spatial_dims", "in_channels", "out_channels"} <= set(takes):
                found.append(name)
    return sorted(found)
