"""Measure training steps with and without the C library keeping freed memory, in turn, and print the ratios.

    pip install '.[train]'
    python benchmarks/training_memory.py [--rounds 3] [--steps 4] [--threads 1]

Each measurement is a process of its own: one step to warm up, then the named steps of 32 made images, in processor time
(user and system). The baseline is the same process without :func:`tumorlens.training.memory.keep_freed_memory`.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time

NETWORKS = {
    "a_cnn2": ("classification", 3, 224, {}),
    "cnn": ("classification", 3, 150, {"conv": 3, "nodes": 128, "dense": 1}),
    "res_unet": ("segmentation", 1, 192, {}),
}
BATCH = 32


def measure(name: str, steps: int, threads: int, *, kept: bool) -> tuple[float, float]:
    """Images a second of processor time, and page faults a step, of one network in this process."""
    import torch

    from tumorlens.models import build_model
    from tumorlens.training.memory import keep_freed_memory

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    if kept:
        keep_freed_memory()
    task, channels, size, parameters = NETWORKS[name]
    outputs = 4 if task == "classification" else 1
    network = build_model(
        name, task, in_channels=channels, outputs=outputs, size=(size, size), parameters=parameters, pretrained="none"
    ).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    images = torch.randn(BATCH, channels, size, size).to(memory_format=torch.channels_last)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            loss = network(images).float().square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step()
    faults, begun = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.process_time()
    for _ in range(steps):
        step()
    seconds = time.process_time() - begun
    return BATCH * steps / seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults) / steps


def in_a_process(name: str, steps: int, threads: int, *, kept: bool) -> tuple[float, float]:
    """:func:`measure` in a fresh process."""
    command = [sys.executable, __file__, "--one", name, "--steps", str(steps), "--threads", str(threads)]
    done = subprocess.run([*command, *(["--kept"] if kept else [])], capture_output=True, text=True, check=True)
    rate, faults = map(float, done.stdout.split())
    return rate, faults


def main() -> None:
    """Print one line for each network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", choices=NETWORKS, help=argparse.SUPPRESS)
    parser.add_argument("--kept", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(*measure(asked.one, asked.steps, asked.threads, kept=asked.kept))
        return
    print(f"{'network':12}{'usual':>16}{'kept':>16}{'ratio':>8}   page faults a step, usual and kept")
    for name in NETWORKS:
        rounds = [
            [in_a_process(name, asked.steps, asked.threads, kept=kept) for kept in (False, True)]
            for _ in range(asked.rounds)
        ]
        usual, kept = (statistics.median(pair[one][0] for pair in rounds) for one in (0, 1))
        ratio = statistics.median(pair[1][0] / pair[0][0] for pair in rounds)
        faults = [statistics.median(pair[one][1] for pair in rounds) for one in (0, 1)]
        print(
            f"{name:12}{usual:9.1f} images/s{kept:9.1f} images/s{ratio:6.2f}   {faults[0]:,.0f} and {faults[1]:,.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
