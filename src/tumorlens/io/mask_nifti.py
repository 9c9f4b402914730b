"""A mask as NIfTI on the grid of the file that was read, voxel for voxel."""

from __future__ import annotations

import gzip
import io

import numpy as np
from numpy.typing import NDArray

from tumorlens.scan import Grid


def mask_nifti(mask: NDArray[np.generic], grid: Grid) -> bytes:
    """A gzipped NIfTI file of a mask: shape, affine, codes and units of the file that the scan was read from.

    Args:
        mask: ``[slices, rows, cols]`` of the scan, non-zero inside.
        grid: the scan's.

    Returns:
        The file's bytes, uint8, 1 inside; same input, same bytes.
    """
    import nibabel

    stored = np.asarray(grid.to_stored(mask) != 0, dtype=np.uint8)
    if grid.header:
        kind = nibabel.Nifti2Header if len(grid.header) == 540 else nibabel.Nifti1Header
        header = kind(grid.header, check=False)
        pixdim = np.array(header["pixdim"])
        header.set_data_shape(grid.shape)
        # nibabel mends sizes of 0, which must stay as the file has them.
        header["pixdim"] = pixdim
    else:
        image = nibabel.Nifti1Image(stored, grid.affine)
        header = image.header
        header.set_xyzt_units("mm")
    header.set_data_dtype(np.uint8)
    header["scl_slope"], header["scl_inter"] = 1, 0
    header["cal_min"], header["cal_max"] = 0, 1
    single = header.template_dtype.itemsize + 4
    header["vox_offset"] = single
    header["magic"] = b"n+2\0\r\n\x1a\n" if single == 544 else b"n+1\0"
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=3, mtime=0) as file:
        file.write(header.binaryblock + bytes(4) + stored.astype("u1").tobytes(order="F"))
    return packed.getvalue()
