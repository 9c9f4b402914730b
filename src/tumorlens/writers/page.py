"""A page of one volume that scrolls through its slices offline: everything is inside, and it asks for nothing."""

from __future__ import annotations

import base64
import json
from html import escape
from importlib import resources
from string import Template
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.inference.analysis import Analysis
from tumorlens.inference.document import rounded
from tumorlens.inference.volume_reading import Whole, sampled
from tumorlens.io import encode_png
from tumorlens.measurement import measures
from tumorlens.notice import NOTICE
from tumorlens.scan import Scan
from tumorlens.shell import html_document, page_style

LARGEST_SIDE = 384
JPEG_QUALITY = 82
_OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "S": "I", "I": "S"}


def volume_page(analysis: Analysis) -> bytes:
    """The page, UTF-8: each slice that was read, its outline, how sure it is, and the lesions in a table."""
    whole = analysis.whole
    assert whole is not None
    template = Template(resources.files("tumorlens.writers").joinpath("volume_page.html").read_text("utf-8"))
    style = page_style("tumorlens.writers", "volume_page.css")
    data = json.dumps(rounded(_data(analysis, whole)), separators=(",", ":")).replace("<", "\\u003c")
    name = analysis.scan.source.path or "volume"
    body = template.substitute(
        name=escape(name),
        message=escape(analysis.message),
        notice=escape(NOTICE),
        probabilities=_probabilities(analysis),
        notes="\n".join(f'<p class="note">{escape(one)}</p>' for one in _notes(analysis, whole)),
        lesions=_lesions(whole),
        data=data,
    )
    return html_document(f"{name}: {analysis.message}", style, body, scripts=True).encode()


def _notes(analysis: Analysis, whole: Whole) -> list[str]:
    said = [analysis.trust, analysis.looked_for, whole.statement]
    if whole.bounds is not None:
        bounds = whole.bounds
        said.append(
            f"The volume of all lesions lies between {bounds.low_ml:.1f} and {bounds.high_ml:.1f} ml in "
            f"{100 * bounds.coverage:g} % of such volumes."
        )
    return [one for one in (*said, *analysis.warnings) if one is not None]


def _probabilities(analysis: Analysis) -> str:
    rows = sorted(analysis.probabilities.items(), key=lambda one: -one[1])
    return "".join(
        f"<tr><td>{escape(name.replace('_', ' '))}</td><td>{100 * value:.1f} %</td></tr>" for name, value in rows
    )


def _lesions(whole: Whole) -> str:
    if not whole.bodies:
        return ""
    rows = []
    for number, one in enumerate(whole.bodies, 1):
        button = f'<button type="button" class="go" data-slice="{one.largest_slice}">{number}</button>'
        cells = [button, *(escape(cell) for cell in measures.body_cells(one.to_dict()))]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    heads = ("Lesion", *measures.body_heads())
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _data(analysis: Analysis, whole: Whole) -> dict[str, Any]:
    scan = analysis.scan.scan
    low, high = _window(scan)
    size = _size(scan)
    slices = []
    for one in whole.readings:
        mask = None if whole.mask is None or not one.area_px else whole.mask[one.index]
        slices.append(
            {
                "index": one.index,
                "status": one.status,
                "alone": one.tumor_probability,
                "voted": one.voted_probability,
                "area": one.area_px,
                "picture": _jpeg(scan.slice(one.index).pixels, low, high, size),
                "mask": None if mask is None else _outline(mask, size),
            }
        )
    start = next(at for at, one in enumerate(whole.readings) if one.index >= (analysis.slice_index or 0))
    return {"slices": slices, "start": start, "count": len(scan.pixels), "edges": _edges(scan), "size": list(size)}


def _window(scan: Scan) -> tuple[float, float]:
    """One window for all slices, so that they can be compared."""
    sample = sampled(scan)
    low, high = (float(one) for one in np.percentile(sample, (0.5, 99.7)))
    return (low, high) if high > low else (float(sample.min()), float(sample.max()) + 1)


def _size(scan: Scan) -> tuple[int, int]:
    """Columns and rows of the pictures, in the patient's proportions."""
    _, rows, cols = scan.shape
    down, across = scan.spacing_mm or (1.0, 1.0)
    height, width = rows * down, cols * across
    factor = min(LARGEST_SIDE / max(height, width), max(rows / height, cols / width))
    return max(1, round(width * factor)), max(1, round(height * factor))


def _jpeg(pixels: NDArray[np.float32], low: float, high: float, size: tuple[int, int]) -> str:
    grey = np.clip((pixels - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    shown = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if grey.shape[1] > size[0] else cv2.INTER_LINEAR)
    done, encoded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done
    return base64.b64encode(encoded.tobytes()).decode()


def _outline(mask: NDArray[np.bool_], size: tuple[int, int]) -> str:
    """The mask as a small grey PNG, which the page turns into outline and fill."""
    shown = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_NEAREST)
    return base64.b64encode(encode_png(np.asarray(shown, dtype=np.uint8))).decode()


def _edges(scan: Scan) -> dict[str, str] | None:
    """Letters at the left, right, top and bottom edge of a slice, or ``None`` where the file does not say."""
    if scan.affine is None:
        return None
    from nibabel import aff2axcodes

    _, down, right = (str(one) for one in aff2axcodes(scan.affine))
    return {"left": _OPPOSITE[right], "right": right, "top": _OPPOSITE[down], "bottom": down}
