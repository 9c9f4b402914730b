"""Sizes that a network cannot halve often enough: padded, and cropped back."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


def pad_to_multiple(images: torch.Tensor, multiple: int) -> torch.Tensor:
    """Repeat the last row and column of ``[batch, channels, rows, cols]`` until both sides are multiples."""
    down, right = (-int(side) % multiple for side in images.shape[-2:])
    return functional.pad(images, (0, right, 0, down), mode="replicate") if down or right else images


class Padded(nn.Module):
    """A segmenter for inputs of any size, whatever multiple it needs.

    In training a network with deep supervision answers with a list of logits, the last of full depth last; otherwise
    the answer is that last one.

    Args:
        network: what segments; it answers with logits, or with a list or tuple of them.
        multiple: of what both sides must be.
        deep_supervision: answer with every output in training.
    """

    def __init__(self, network: nn.Module, multiple: int, deep_supervision: bool = False) -> None:
        super().__init__()
        if multiple < 1:
            raise ValueError(f"multiple is {multiple} and must be at least 1")
        self.network = network
        self.multiple = multiple
        self.deep_supervision = deep_supervision

    def forward(self, images: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Logits ``[batch, outputs, rows, cols]``, or a list of them in training with deep supervision."""
        padded = pad_to_multiple(images, self.multiple)
        answer = self.network(padded)
        outputs = list(answer) if isinstance(answer, list | tuple) else [answer]
        if outputs[0].ndim == 5:  # MONAI's DynUNet stacks its outputs in training, the deepest supervision last
            outputs = list(outputs[0].unbind(1))[::-1]
        rows, cols = int(images.shape[-2]), int(images.shape[-1])
        full = [_to_size(one, padded)[:, :, :rows, :cols] for one in outputs]
        return full if self.training and self.deep_supervision else full[-1]


def _to_size(logits: torch.Tensor, padded: torch.Tensor) -> torch.Tensor:
    if logits.shape[-2:] == padded.shape[-2:]:
        return logits
    size = [int(padded.shape[-2]), int(padded.shape[-1])]
    return functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
