"""Finished analyses as the files that a user may have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorlens.inference.document import AnalysisDocument
from tumorlens.inference.table import Value, summary_csv, summary_row
from tumorlens.io import draw_overlay, encode_png, mask_png
from tumorlens.io.mask_nifti import mask_nifti as gzipped_mask
from tumorlens.io.png import check_whole, read_header
from tumorlens.scan import Grid
from tumorlens.web.findings import Entry, Mask, Pictures, mask_of
from tumorlens.web.names import for_table
from tumorlens.web.problems import ProblemError

DISPLAY_PERCENTILES = (0.1, 99.9)
_PNG_HEADER_BYTES = 33


@dataclass(frozen=True, eq=False)
class Finished:
    """A finished analysis, loaded: its document (with the correction, unless the original is wanted) and pictures."""

    entry: Entry
    document: AnalysisDocument
    pictures: Pictures

    @property
    def mask(self) -> Mask:
        """The mask, bool ``[rows, cols]``.

        Raises:
            ProblemError: there is no tumor.
        """
        found = mask_of(self.document)
        if found is None:
            why = "The gate refused this scan" if self.document.label is None else "Nothing was outlined in this scan"
            raise ProblemError("not-found", f"{why}, so it has no mask.")
        return found


def display_png(pictures: Pictures) -> bytes:
    """The slice as 8-bit grey, between its 0.1th and 99.9th percentile."""
    return encode_png(display(pictures.pixels))


def display(pixels: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Pixels as 0..255 between two percentiles, or between the extremes where these coincide."""
    low, high = (float(one) for one in np.percentile(pixels, DISPLAY_PERCENTILES))
    if high <= low:
        low, high = float(pixels.min()), float(pixels.max())
    scale = 255.0 / max(high - low, 1.0)
    shown: NDArray[np.uint8] = np.clip(np.rint((pixels.astype(np.float32) - low) * scale), 0, 255).astype(np.uint8)
    return shown


def activation_png(pictures: Pictures) -> bytes:
    """The class activation map as 8-bit grey.

    Raises:
        ProblemError: the model gives none.
    """
    if pictures.activation is None:
        raise ProblemError("not-found", "The model of this analysis gives no activation map.")
    return encode_png(pictures.activation)


def overlay_png(finished: Finished) -> bytes:
    """The slice with the tumor outlined, and a scale bar where the spacing is known.

    Raises:
        ProblemError: the slice was refused, so nothing is known of it.
    """
    if finished.document.status == "refused":
        raise ProblemError("not-found", "The gate refused this scan, so nothing is outlined: take image.png.")
    mask = mask_of(finished.document)
    return encode_png(draw_overlay(finished.pictures.pixels, mask, spacing_mm=finished.document.spacing_mm))


def mask_file(finished: Finished) -> bytes:
    """The mask as PNG, black and white."""
    return mask_png(finished.mask)


def mask_nifti(finished: Finished) -> bytes:
    """The mask as a gzipped NIfTI-1 volume of the source's own grid, all slices but the analyzed one empty.

    Raises:
        ProblemError: the source is no NIfTI volume, or there is no tumor.
    """
    place, pictures = finished.document.slice, finished.pictures
    if finished.document.source.format != "nifti" or pictures.affine is None or place is None:
        raise ProblemError("not-found", "The source of this analysis is no NIfTI volume: take the mask as PNG.")
    rows, cols = finished.mask.shape
    mask = np.zeros((place.count, rows, cols), np.uint8)
    mask[place.index] = finished.mask
    grid = pictures.grid
    if grid is None:  # stored by an earlier version, which kept no grid
        whole = pictures.affine.copy()
        whole[:3, 3] -= whole[:3, 0] * place.index
        grid = Grid((cols, rows, place.count), whole[:, [2, 1, 0, 3]], (2, 1, 0), (False, False, False), (0, 2))
    return gzipped_mask(mask, grid)


def table_csv(entries: list[Entry], original: bool = False) -> bytes:
    """The finished and failed among some analyses as the rows of ``summary.csv``."""
    rows: list[dict[str, Value]] = []
    for entry in entries:
        if entry.status == "done":
            document = entry.current(original)
            refused = document is not None and document.status == "refused"
            rows.append(summary_row(for_table(entry.name), "refused" if refused else "ok", document))
        elif entry.status == "failed":
            detail = None if entry.error is None else entry.error.detail
            rows.append(summary_row(for_table(entry.name), "failed", None, detail))
    return summary_csv(rows)


def decode_mask(data: bytes, shape: tuple[int, int]) -> Mask:
    """A mask that a user sends as PNG: 8 bits, black and white alone, of the scan's size.

    Raises:
        ProblemError: it is anything else.
    """
    import cv2

    from tumorlens.errors import UnreadableFileError

    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ProblemError("unsupported", "The mask is no PNG picture: send 8-bit grey PNG.")
    try:
        header = read_header(data)
        if (header.rows, header.cols) != shape:
            raise ProblemError(
                "invalid",
                f"The mask is {header.rows:,} x {header.cols:,} pixels, and the scan {shape[0]:,} x {shape[1]:,}: "
                "both must be of one size.",
            )
        if header.bit_depth != 8:
            raise ProblemError("invalid", f"The mask has {header.bit_depth} bits a sample: send 8-bit grey.")
        check_whole(data, header)
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (UnreadableFileError, cv2.error) as error:
        detail = str(error) if isinstance(error, UnreadableFileError) else "The mask cannot be decoded: send it again."
        raise ProblemError("unreadable", detail) from error
    if values is None or values.shape[:2] != shape:
        raise ProblemError("unreadable", "The mask cannot be decoded: send it again.")
    grey = _one_channel(values)
    if grey is None or not np.isin(grey, (0, 255)).all():
        raise ProblemError("invalid", "The mask has values other than black and white: threshold it first.")
    return np.asarray(grey == 255)


def _one_channel(values: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Grey of a decoded picture, as canvases write it (color channels of one value, opaque), or ``None``."""
    if values.ndim == 2:
        return values
    opaque = values.shape[2] < 4 or bool((values[..., 3] == 255).all())
    same = bool((values[..., :3] == values[..., :1]).all())
    return values[..., 0] if same and opaque else None
