"""Counts and times in the text format of Prometheus (exposition format 0.0.4)."""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_HELP = {
    "tumorlens_http_requests_total": "HTTP requests answered.",
    "tumorlens_http_request_seconds": "Time from a request's first byte to its answer's last.",
    "tumorlens_analyses_total": "Analyses that ended, by how.",
    "tumorlens_analysis_seconds": "Time that the work on one scan took, waiting apart.",
    "tumorlens_uploads_refused_total": "Files refused before they were queued, by kind of problem.",
    "tumorlens_batches_total": "Batches that were run.",
}

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters and histograms; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[Labels, float]] = defaultdict(lambda: defaultdict(float))
        self._times: dict[str, list[int]] = {}
        self._sums: dict[str, float] = defaultdict(float)

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name][tuple(sorted(labels.items()))] += amount

    def time(self, name: str, seconds: float) -> None:
        """Add a time to a histogram."""
        with self._lock:
            counts = self._times.setdefault(name, [0] * (len(_BUCKETS) + 1))
            counts[bisect_left(_BUCKETS, seconds)] += 1
            self._sums[name] += seconds

    def text(self, gauges: Mapping[str, float]) -> str:
        """All of it, with the given present values."""
        lines: list[str] = []
        with self._lock:
            for name, values in sorted(self._counts.items()):
                lines += _head(name, "counter")
                lines += [f"{name}{_braced(labels)} {value:g}" for labels, value in sorted(values.items())]
            for name, counts in sorted(self._times.items()):
                lines += _head(name, "histogram") + _histogram(name, counts, self._sums[name])
        for name, value in sorted(gauges.items()):
            lines += [*_head(name, "gauge"), f"{name} {value:g}"]
        return "\n".join(lines) + "\n"


def resident_bytes() -> float:
    """Memory of this process as Linux counts it; 0 elsewhere."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * float(os.sysconf("SC_PAGE_SIZE"))


def _histogram(name: str, counts: list[int], total: float) -> list[str]:
    lines, running = [], 0
    for bound, count in zip((*(f"{one:g}" for one in _BUCKETS), "+Inf"), counts, strict=True):
        running += count
        lines.append(f'{name}_bucket{{le="{bound}"}} {running}')
    return [*lines, f"{name}_sum {total:.6f}", f"{name}_count {running}"]


def _head(name: str, kind: str) -> list[str]:
    text = [f"# HELP {name} {_HELP[name]}"] if name in _HELP else []
    return [*text, f"# TYPE {name} {kind}"]


def _braced(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
