"""Measure tumorlens beside a Keras EfficientNetB0, in turn and in one run, and print the ratios.

    pip install '.[bench]'
    python benchmarks/run.py [--picture SCAN.jpg] [--rounds 5] [--calls 30]

Two pairs:

1. whole processes: ``tumorlens analyze one.jpg`` beside a process that does Keras ``load_model`` and ``predict``;
   wall time, and peak resident memory as the kernel counts it for each child.
2. one scan in process: ``Analyzer.analyze`` (read, classify, segment, measure) beside that Keras model's warm
   ``predict`` on an array that is already there.

Each round measures one and then the other, and medians are compared, so that a machine that is busy slows both down.
Close other programs first. The picture must show a tumor to tumorlens, or the segmenter would not run; it is a phantom
unless ``--picture`` names a scan. Exit status 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

BASELINE = Path(__file__).with_name("keras_baseline.py")


@dataclass(frozen=True)
class Cost:
    """Median wall seconds, and the largest peak of resident memory in MB where it was measured."""

    seconds: float
    peak_mb: float | None = None


def peak_of(process: subprocess.Popen[bytes]) -> float:
    """Wait for a process and return its peak resident memory in MB."""
    if hasattr(os, "wait4"):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
    return _polled_peak(process)


def _polled_peak(process: subprocess.Popen[bytes]) -> float:
    import psutil

    seen, watched = [0], psutil.Process(process.pid)

    def poll() -> None:
        while process.poll() is None:
            try:
                memory = watched.memory_info()
            except psutil.NoSuchProcess:
                return
            seen.append(getattr(memory, "peak_wset", memory.rss))
            time.sleep(0.01)

    watcher = threading.Thread(target=poll)
    watcher.start()
    process.wait()
    watcher.join()
    return max(seen) / 2**20


def run_process(command: list[str]) -> tuple[float, float]:
    """Seconds and peak MB of one process; stops where it fails."""
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        peak = peak_of(process)
        seconds = time.perf_counter() - started
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{errors.read().decode(errors='replace')}")
    return seconds, peak


def compare_processes(ours: list[str], theirs: list[str], rounds: int) -> tuple[Cost, Cost]:
    """Run both commands in turn, after one unmeasured round that warms the disk."""
    taken: tuple[list[tuple[float, float]], ...] = ([], [])
    for number in range(rounds + 1):
        for measured, command in zip(taken, (ours, theirs), strict=True):
            result = run_process(command)
            if number:
                measured.append(result)
    first, second = (
        Cost(statistics.median(seconds for seconds, _ in one), max(peak for _, peak in one)) for one in taken
    )
    return first, second


def compare_calls(ours: Callable[[], object], theirs: Callable[[], object], calls: int) -> tuple[Cost, Cost]:
    """Call both in turn, after three unmeasured calls of each."""
    taken: tuple[list[float], ...] = ([], [])
    for number in range(calls + 3):
        for measured, call in zip(taken, (ours, theirs), strict=True):
            started = time.perf_counter()
            call()
            if number >= 3:
                measured.append(time.perf_counter() - started)
    first, second = (Cost(statistics.median(one)) for one in taken)
    return first, second


def phantom_picture(folder: Path) -> Path:
    """The first phantom that tumorlens sends to its segmenter, as a JPEG."""
    import cv2

    from tumorlens import analyze
    from tumorlens.phantoms import demo_phantoms

    for phantom in demo_phantoms():
        path = folder / f"{phantom.label}.jpg"
        cv2.imwrite(str(path), phantom.pixels.round().astype("uint8"), [cv2.IMWRITE_JPEG_QUALITY, 95])
        if analyze(path).mask is not None:
            return path
    raise RuntimeError("tumorlens finds no tumor in any phantom: pass --picture with a scan that shows one")


def in_child(call: Callable[[Path], Path], argument: Path) -> Path:
    """Call in a fresh process: Linux counts the peak memory of whoever starts a program as the program's own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(call, argument).result()
        except RuntimeError as error:
            raise SystemExit(str(error)) from error


def compare_in_process(picture: Path, model: Path, calls: int) -> tuple[Cost, Cost]:
    """One scan through the whole path beside one warm Keras ``predict``."""
    sys.path.insert(0, str(BASELINE.parent))
    from keras_baseline import load, read_picture

    from tumorlens.inference import Analyzer

    analyzer = Analyzer()
    if analyzer.analyze(picture).mask is None:
        raise SystemExit(f"tumorlens finds no tumor in {picture}, so its segmenter would not run: pass another")
    network, batch = load(model), read_picture(picture)
    return compare_calls(lambda: analyzer.analyze(picture), lambda: network.predict(batch, verbose=0), calls)


def report(whole: tuple[Cost, Cost], inner: tuple[Cost, Cost]) -> bool:
    """Print the table; whether every target is met."""
    memory, other_memory = whole[0].peak_mb or 0.0, whole[1].peak_mb or 0.0
    rows = [
        ("whole process, seconds", whole[0].seconds, whole[1].seconds, "ratio at most 0.125", 0.125),
        ("whole process, peak MB", memory, other_memory, "at most 350 MB", None),
        ("one scan in process, ms", 1e3 * inner[0].seconds, 1e3 * inner[1].seconds, "ratio at most 0.4", 0.4),
    ]
    print(f"{'':26}{'tumorlens':>11}{'Keras B0':>11}{'ratio':>8}  {'target':22}")
    met = True
    for name, ours, theirs, target, most in rows:
        good = ours / theirs <= most if most else ours <= 350
        met &= good
        verdict = "met" if good else "MISSED"
        print(f"{name:26}{ours:11.3f}{theirs:11.3f}{ours / theirs:8.3f}  {target:22}{verdict}")
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, help="scan with a tumor; a phantom by default")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each kind")
    parser.add_argument("--calls", type=int, default=30, help="calls of each kind, in process")
    arguments = parser.parse_args()
    command = shutil.which("tumorlens", path=str(Path(sys.executable).parent)) or shutil.which("tumorlens")
    if command is None:
        parser.error("the command tumorlens is not installed: pip install '.[bench]'")
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "efficientnetb0.keras"
        subprocess.run([sys.executable, str(BASELINE), str(model), "--build"], check=True)
        picture = arguments.picture or in_child(phantom_picture, Path(folder))
        baseline = [sys.executable, str(BASELINE), str(model), str(picture)]
        whole = compare_processes([command, "analyze", str(picture)], baseline, arguments.rounds)
        inner = compare_in_process(picture, model, arguments.calls)
    return 0 if report(whole, inner) else 1


if __name__ == "__main__":
    raise SystemExit(main())
