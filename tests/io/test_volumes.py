"""Volumes in the less usual wrappings: pairs, gzip of several members, MGZ, NIfTI-2."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tumorlens.io import read_scan

VOLUME = np.arange(30 * 34 * 6, dtype=np.int16).reshape(30, 34, 6)
AFFINE = np.array([[-1.0, 0, 0, 20], [0, 1.5, 0, -30], [0, 0, 4.0, -10], [0, 0, 0, 1.0]])


@pytest.mark.parametrize("kind", ["pair-hdr", "pair-img", "members", "nifti-2", "mgz", "mgh"])
def test_every_wrapping_gives_the_same_scan(tmp_path: Path, kind: str) -> None:
    plain = tmp_path / "plain.nii"
    nibabel.save(nibabel.Nifti1Image(VOLUME, AFFINE), plain)
    expected = read_scan(plain)
    path = tmp_path / f"v.{kind}"
    if kind.startswith("pair"):
        path = tmp_path / f"v.{kind[5:]}"
        nibabel.save(nibabel.Nifti1Pair(VOLUME, AFFINE), tmp_path / "v.img")
    elif kind == "members":
        content = plain.read_bytes()
        path.write_bytes(b"".join(gzip.compress(content[at : at + 700]) for at in range(0, len(content), 700)))
    elif kind == "nifti-2":
        path = tmp_path / "v2.nii.gz"
        nibabel.save(nibabel.Nifti2Image(VOLUME, AFFINE), path)
    else:
        nibabel.save(nibabel.MGHImage(VOLUME, AFFINE), path)
    scan = read_scan(path)
    assert np.array_equal(scan.pixels, expected.pixels)
    assert np.allclose(scan.affine, expected.affine, atol=1e-5)
    assert (scan.spacing_mm, scan.slice_mm) == (pytest.approx(expected.spacing_mm), pytest.approx(expected.slice_mm))
