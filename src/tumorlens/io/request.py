"""What a caller asks of a reader, in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from tumorlens.errors import UsageError

DEFAULT_MEMORY = 2**30
"""Bytes that the voxels of one scan may take: 1 GiB."""


@dataclass(frozen=True)
class ReadRequest:
    """How a file is to be read.

    Attributes:
        volume: which of several volumes (echoes, time points, b-values), from 0; the first, with a sentence that says
            so, for ``None``.
        memory: bytes that the voxels of one scan may take, checked from the header before anything is inflated.

    Raises:
        UsageError: one of them is below what is possible.
    """

    volume: int | None = None
    memory: int = DEFAULT_MEMORY

    def __post_init__(self) -> None:
        if self.volume is not None and self.volume < 0:
            raise UsageError(f"The volume is {self.volume}: they are numbered from 0.")
        if self.memory < 1:
            raise UsageError(f"The memory is {self.memory} bytes: allow at least 1.")

    def chosen(self, count: int, warnings: list[str]) -> int:
        """Which of ``count`` volumes is read; that it is the first of several by default goes to ``warnings``.

        Raises:
            UsageError: there is no such volume.
        """
        if self.volume is None:
            if count > 1:
                warnings.append(
                    f"The file holds {count} volumes (echoes, time points or b-values), and the first was read: "
                    "--volume K chooses another, from 0."
                )
            return 0
        if self.volume >= count:
            raise UsageError(f"Volume {self.volume} does not exist: this file has {count}, numbered 0 to {count - 1}.")
        return self.volume


ANY = ReadRequest()
"""Nothing in particular."""
