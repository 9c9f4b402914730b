"""What Keras means by a layer where it does not say: initial weights and batch normalization.

Keras draws kernels from Glorot's uniform distribution (Glorot and Bengio, AISTATS 2010) and starts biases at 0; torch
draws both from another uniform one. Keras's ``momentum=0.99`` is the share kept, torch's ``momentum`` the share
replaced, and its ``epsilon`` is 1e-3 where torch's is 1e-5. (Keras also averages
the biased variance, torch the unbiased one; for the thousands of values of a feature map that is the same.)
"""

from __future__ import annotations

from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

Init = Literal["keras", "torch"]
BATCH_NORM_MOMENTUM = 0.01
BATCH_NORM_EPSILON = 1e-3


def initialize(network: nn.Module, init: Init) -> None:
    """Give every layer of ``network`` Keras's defaults in place; ``"torch"`` leaves it as it is.

    Raises:
        ValueError: ``init`` is neither.
    """
    if init not in ("keras", "torch"):
        raise ValueError(f"init is '{init}' and must be 'keras' or 'torch'")
    if init == "torch":
        return
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, _BatchNorm):
            module.momentum = BATCH_NORM_MOMENTUM
            module.eps = BATCH_NORM_EPSILON
