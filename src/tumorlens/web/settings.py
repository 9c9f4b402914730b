"""``Settings``: all that a server is told when it starts."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path

from tumorlens.errors import UsageError
from tumorlens.io.request import DEFAULT_MEMORY

MEBIBYTE = 2**20
MIN_PUBLIC_TOKEN = 16


def default_jobs() -> int:
    """Scans worked on at once, if nobody says: one for every two processors, so that the server itself has air."""
    return max(1, processors() // 2)


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Settings:
    """What a server allows itself; every bound is there so that memory and disk are bounded.

    Attributes:
        host: address to listen on.
        allowed_hosts: names that a ``Host`` header may carry beside ``host`` and those of this machine.
        token: secret that every request must show; ``None`` for none, on a loopback address only.
        jobs: worker threads, each of which works on one batch of scans at a time.
        queue: most scans that wait.
        queue_bytes: most bytes of files that wait.
        max_file_bytes: largest uploaded file, and largest member of an archive.
        scan_bytes: most bytes that the voxels of one scan may take, checked before anything is inflated.
        max_files: most files of one request, members of archives counted.
        max_uploads: most requests that are uploading at one time.
        store: SQLite file that keeps finished analyses; ``None`` to keep nothing.
        results: most finished analyses kept in memory; the oldest are forgotten first.
        result_bytes: most bytes that they take.
        time_limit_s: seconds after which a scan that is worked on counts as failed.
        idle_limit_s: seconds without a byte after which an upload is given up.

    Raises:
        UsageError: a value is out of bounds, or a public address is to be served without a token.
    """

    host: str = "127.0.0.1"
    allowed_hosts: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    jobs: int = field(default_factory=default_jobs)
    queue: int = 128
    queue_bytes: int = 2048 * MEBIBYTE
    max_file_bytes: int = 200 * MEBIBYTE
    scan_bytes: int = DEFAULT_MEMORY
    max_files: int = 100
    max_uploads: int = 8
    store: Path | None = None
    results: int = 256
    result_bytes: int = 512 * MEBIBYTE
    time_limit_s: float = 120.0
    idle_limit_s: float = 30.0

    def __post_init__(self) -> None:
        for name in (
            "jobs",
            "queue",
            "queue_bytes",
            "max_file_bytes",
            "scan_bytes",
            "max_files",
            "max_uploads",
            "results",
        ):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: it must be at least 1.")
        if self.time_limit_s <= 0 or self.idle_limit_s <= 0:
            raise UsageError(
                f"The time limits are {self.time_limit_s} and {self.idle_limit_s} s: both must be above 0."
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and self.token.strip()):
            raise UsageError("The token has no characters, or others than visible ASCII ones: choose another.")
        if is_loopback(self.host):
            return
        if self.token is None:
            raise UsageError(
                f"{self.host} can be reached from other machines, and nothing would keep strangers out: "
                "pass --token SECRET too, or serve 127.0.0.1."
            )
        if len(self.token) < MIN_PUBLIC_TOKEN:
            raise UsageError(
                f"The token has {len(self.token)} characters, and on {self.host}, which other machines can reach, it "
                f"needs at least {MIN_PUBLIC_TOKEN}: make one with python -c 'import secrets; "
                "print(secrets.token_urlsafe())'."
            )

    @property
    def max_body_bytes(self) -> int:
        """Largest body of one request."""
        return 4 * self.max_file_bytes + MEBIBYTE

    @property
    def host_names(self) -> frozenset[str]:
        """Lower-case names that a ``Host`` header may carry, its port apart."""
        own = {"localhost", "127.0.0.1", "[::1]"}
        return frozenset(own | {_bracketed(name) for name in (self.host, *self.allowed_hosts)})


def is_loopback(host: str) -> bool:
    """Whether an address or name can be reached from this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    name = host.strip().lower().strip("[]").rstrip(".")
    return f"[{name}]" if ":" in name else name
