"""Masks as files: a picture of one slice, or NIfTI on the grid of the file that was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tumorlens.inference.analysis import Analysis
from tumorlens.io import mask_png
from tumorlens.io.mask_nifti import mask_nifti
from tumorlens.scan import Grid, Scan

if TYPE_CHECKING:
    from nibabel import Nifti1Header


def picture_mask(analysis: Analysis) -> bytes:
    """A PNG of the mask: 255 inside, 0 outside."""
    assert analysis.mask is not None
    return mask_png(analysis.mask)


def volume_mask(analysis: Analysis) -> bytes:
    """A gzipped NIfTI of a volume's mask, voxel for voxel on the file's own grid."""
    assert analysis.whole is not None
    assert analysis.whole.mask is not None
    scan = analysis.scan.scan
    return mask_nifti(analysis.whole.mask, scan.grid or plain_grid(scan))


def plain_grid(scan: Scan) -> Grid:
    """A grid for a scan whose file stores none: columns, rows, slices, with the affine where one is known."""
    slices, rows, cols = scan.shape
    if scan.affine is None:
        from nibabel import Nifti1Header

        # A header of its own states no geometry; without one the affine would be written.
        return Grid((cols, rows, slices), np.eye(4), (2, 1, 0), (False, False, False), (0, 0), _bare(Nifti1Header()))
    affine = scan.affine[:, [2, 1, 0, 3]]
    return Grid((cols, rows, slices), affine, (2, 1, 0), (False, False, False), (1, 1))


def _bare(header: Nifti1Header) -> bytes:
    header["pixdim"] = 0
    return bytes(header.binaryblock)
