"""How many processes train together, and which of them this is."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tumorlens.errors import UsageError

RANK_VARIABLES = ("RANK", "SLURM_PROCID", "LOCAL_RANK")


@dataclass(frozen=True)
class World:
    """Processes of a run: ``devices`` on each of ``nodes`` machines."""

    devices: int = 1
    nodes: int = 1

    def __post_init__(self) -> None:
        for name, value in (("--devices", self.devices), ("--num-nodes", self.nodes)):
            if value < 1:
                raise UsageError(f"{name} is {value}: pass a whole number of at least 1, or leave it out.")

    @property
    def size(self) -> int:
        """Number of processes."""
        return self.devices * self.nodes

    @property
    def rank(self) -> int:
        """Number of this process, from 0, as torchrun, Slurm or Lightning's own launcher tell it."""
        if self.size == 1:
            return 0
        return next((int(os.environ[name]) for name in RANK_VARIABLES if name in os.environ), 0)

    @property
    def leads(self) -> bool:
        """Whether this process writes the run's files."""
        return self.rank == 0
