"""What is wrong with a collection on disk: raised at once where it is read, gathered where it is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tumorlens.errors import DatasetError

Kind = Literal[
    "unknown folder",
    "missing file",
    "image without mask",
    "mask without image",
    "unreadable image",
    "unreadable mask",
    "shape mismatch",
    "empty mask",
    "bad table",
]


@dataclass(frozen=True)
class Fault:
    """One fault: its kind, the path below the collection's root, and one sentence that names the way out."""

    kind: Kind
    path: str
    sentence: str


Report = Callable[[Fault], None]


def refuse(fault: Fault) -> None:
    """The report of a reader that stops at the first fault.

    Raises:
        DatasetError: always.
    """
    raise DatasetError(fault.sentence)
