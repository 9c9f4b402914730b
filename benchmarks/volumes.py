"""Errors of volume, surface and longest diameter over balls and ellipsoids of known size, and print them as a table.

    python benchmarks/volumes.py [--draws 30]

Bodies of 2, 10 and 50 ml lie at random sub-voxel places and directions on grids from 1 x 1 x 1 to 0.5 x 0.5 x 6 mm, a
voxel belonging to one if its center does. Each cell is mean / worst absolute error in percent.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from numpy.typing import NDArray

from tumorlens.measurement import measure_volume

GRIDS = ((1.0, 1.0, 1.0), (1.5, 1.0, 1.0), (3.0, 1.0, 1.0), (5.0, 0.9, 0.9), (6.0, 0.5, 0.5))
SHAPES = {"ball": (1.0, 1.0, 1.0), "ellipsoid 2 : 1.2 : 1": (2.0, 1.2, 1.0)}
MILLILITERS = (2, 10, 50)


def ellipsoid(half: NDArray[np.float64], grid: tuple[float, ...], draw: np.random.Generator) -> NDArray[np.bool_]:
    """A turned ellipsoid at a random place; ``grid`` is (slice, row, col) in millimeters."""
    turn, center = np.linalg.qr(draw.normal(size=(3, 3)))[0], draw.random(3)
    reach = [math.ceil(half.max() / size) + 2 for size in grid]
    index = np.stack(np.meshgrid(*(np.arange(-far, far + 1) for far in reach), indexing="ij"), axis=-1)
    return np.asarray((((index - center) * grid @ turn / half) ** 2).sum(axis=-1) < 1)


def area(half: NDArray[np.float64]) -> float:
    """Surface of an ellipsoid by quadrature."""
    tilt, around = np.meshgrid((np.arange(400) + 0.5) * np.pi / 400, (np.arange(800) + 0.5) * np.pi / 400)
    a, b, c = half
    across = np.hypot(b * c * np.sin(tilt) * np.cos(around), a * c * np.sin(tilt) * np.sin(around))
    return float((np.hypot(across, a * b * np.cos(tilt)) * np.sin(tilt)).sum() * (np.pi / 400) ** 2)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Errors of volumes over made bodies.")
    parser.add_argument("--draws", type=int, default=30)
    draws, generator = parser.parse_args().draws, np.random.default_rng(1)
    print("| shape | slice x row x col, mm | ml | slices | volume | surface | longest diameter |")
    print("|---|---|---|---|---|---|---|")
    for name, ratios in SHAPES.items():
        for grid in GRIDS:
            for milliliters in MILLILITERS:
                half = np.array(ratios) * (milliliters * 750 / math.pi / math.prod(ratios)) ** (1 / 3)
                true, errors, slices = area(half), [], []
                for _ in range(draws):
                    body = measure_volume(ellipsoid(half, grid, generator), grid[1:], grid[0])[0]
                    measured = np.array([body.volume_ml, body.surface_mm2, body.longest_diameter_3d_mm], dtype=float)
                    errors.append(100 * (measured / (milliliters, true, 2 * half.max()) - 1))
                    slices.append(body.slices_touched)
                mean, worst = np.mean(errors, axis=0), np.abs(errors).max(axis=0)
                cells = " | ".join(f"{one:+.1f} / {most:.1f}" for one, most in zip(mean, worst, strict=True))
                size = " x ".join(f"{one:g}" for one in grid)
                print(f"| {name} | {size} | {milliliters} | {min(slices)}-{max(slices)} | {cells} |")


if __name__ == "__main__":
    main()
