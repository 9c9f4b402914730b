"""What the published convolutional networks are put together from."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from tumorlens.models.describe import run_meta


def convolution(inputs: int, outputs: int, kernel: int = 3, padding: str = "valid") -> list[nn.Module]:
    """Convolution with bias, then ReLU."""
    return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2 if padding == "same" else 0), nn.ReLU()]


def dense_layers(inputs: int, widths: Sequence[int], dropouts: Sequence[float]) -> tuple[list[nn.Module], int]:
    """Dense, ReLU and dropout (left out at 0) for each width, and the width they end with."""
    layers: list[nn.Module] = []
    for width, dropout in zip(widths, dropouts, strict=True):
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        inputs = width
    return layers, inputs


def flat_features(convolutions: nn.Module, in_channels: int, size: tuple[int, int]) -> int:
    """Numbers that remain of an image of ``size`` (rows, cols) after the convolutions.

    Raises:
        ValueError: none, for the image is too small.
    """
    try:
        shape = run_meta(convolutions, (1, in_channels, *size)).shape
    except RuntimeError as error:
        raise ValueError(f"an input of {size[0]} x {size[1]} is too small for its convolutions and poolings") from error
    return int(shape[1:].numel())
