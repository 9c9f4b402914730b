"""Keep freed memory for the next step of a training, instead of handing it back to the system."""

from __future__ import annotations

import ctypes
import sys

import torch

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""What ``mallopt(3)`` of glibc calls ``M_TRIM_THRESHOLD`` and ``M_MMAP_MAX``."""


def keep_freed_memory() -> bool:
    """Make the C library serve large arrays from its heap and never shrink that, for the rest of the process.

    By default glibc maps every array above 32 MiB afresh, and a convolutional network on a CPU answers the page faults
    anew in each step: without them, 1.1 to 1.4 times as many images were trained in the same processor time
    (``benchmarks/training_memory.py``). PyTorch keeps GPU memory itself: nothing is
    changed where there is a GPU, nor where the C library is another one.

    Returns:
        Whether it was done.
    """
    if not sys.platform.startswith("linux") or torch.cuda.is_available():
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(MMAP_MAX, 0)) and bool(mallopt(TRIM_THRESHOLD, -1))
