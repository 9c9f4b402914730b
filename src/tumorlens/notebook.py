"""A widget for notebooks: upload a picture, press a button, see the class. Research use, not a medical device."""

from __future__ import annotations

import tempfile
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens._optional import require
from tumorlens.errors import TumorlensError
from tumorlens.inference import Analysis, Analyzer
from tumorlens.inference.analyze import default_analyzer
from tumorlens.io import draw_overlay, encode_png
from tumorlens.labels import label_title
from tumorlens.notice import NOTICE

__all__ = ["PredictWidget", "predict"]

widgets: Any = require("ipywidgets", "notebook")

ACCEPTED = ".png,.jpg,.jpeg,.bmp,.tif,.tiff,.dcm,.nii,.gz,.mat"
NO_IMAGE = "Choose an image first: press Upload and pick a PNG, JPEG, DICOM or NIfTI file."
LARGEST = 200 * 2**20
PICTURE_PIXELS = 320


class PredictWidget:
    """The widget and its parts, for those who want to arrange or drive them.

    Attributes:
        upload: takes one file.
        button: reads it.
        message: the answer, or what is wrong, as HTML.
        pictures: overlay and activation map, empty where there is no answer.
        view: all of it.
        analysis: the last answer, or ``None``.
    """

    def __init__(self, analyzer: Analyzer | None = None) -> None:
        self._analyzer = analyzer
        self.analysis: Analysis | None = None
        self.upload = widgets.FileUpload(accept=ACCEPTED, multiple=False, description="Upload")
        self.button = widgets.Button(description="Predict", button_style="primary")
        self.message = widgets.HTML()
        self.pictures = widgets.HBox()
        notice = widgets.HTML(f"<small>{NOTICE}</small>")
        controls = widgets.HBox([self.upload, self.button])
        self.view = widgets.VBox([controls, self.message, self.pictures, notice])
        self.button.on_click(self._pressed)

    def _ipython_display_(self) -> None:
        shown: Any = require("IPython.display", "notebook")
        shown.display(self.view)

    def _pressed(self, button: Any) -> None:
        """Answer what was uploaded; whatever is wrong with it becomes a message."""
        self.analysis, self.pictures.children, self.message.value = None, (), "Reading …"
        self.button.disabled = True
        try:
            if not self.upload.value:
                self._say(NO_IMAGE)
                return
            self._show(self._analyzed(self.upload.value[0]))
        except TumorlensError as error:
            self._say(str(error))
        finally:
            self.button.disabled = False

    def _analyzed(self, given: Any) -> Analysis:
        content, name = bytes(given["content"]), Path(str(given["name"])).name or "image"
        if len(content) > LARGEST:
            raise TumorlensError(f"{name} has {len(content) / 2**20:.0f} MB: choose a file of at most 200 MB.")
        analyzer = self._analyzer or default_analyzer()
        with tempfile.TemporaryDirectory() as folder:
            # A neutral name, for what a browser sends may be no name for a file here; formats are known by content.
            path = Path(folder) / "upload"
            path.write_bytes(content)
            try:
                return analyzer.analyze(path)
            except TumorlensError as error:
                raise type(error)(f"{name}: {error}") from error

    def _say(self, sentence: str) -> None:
        self.message.value = f'<p role="alert" style="color:#a3200d">{escape(sentence)}</p>'

    def _show(self, analysis: Analysis) -> None:
        self.analysis = analysis
        if analysis.label is None:
            self._say(f"{analysis.message} {analysis.reason or ''}".strip())
            return
        rows = "".join(
            f'<tr><td style="padding-right:1em">{escape(label_title(name))}</td>'
            f'<td style="text-align:right">{100 * value:.1f} %</td></tr>'
            for name, value in sorted(analysis.probabilities.items(), key=lambda one: -one[1])
        )
        notes = "".join(
            f"<p>{escape(one)}</p>"
            for one in (*(one for one in (analysis.trust, analysis.looked_for) if one), *analysis.warnings)
        )
        self.message.value = f"<h3>{escape(analysis.message)}</h3><table>{rows}</table>{notes}"
        shown = [_captioned("Outline" if analysis.regions else "Slice", analysis.overlay())]
        if analysis.activation_map is not None:
            words = "Where the model looked" if analysis.findings is None else "How probable a tumor is"
            shown.append(_captioned(words, _heated(analysis)))
        self.pictures.children = tuple(shown)


def predict(analyzer: Analyzer | None = None) -> PredictWidget:
    """A widget with an upload button and a predict button, to stand at the end of a notebook's cell.

    It shows the class with all probabilities, the outline and the activation map. A missing or unreadable image, or one
    that the gate refuses, is answered with a message.

    Args:
        analyzer: models to ask; those that ship for ``None``.

    Raises:
        MissingExtraError: ipywidgets is not installed.
    """
    return PredictWidget(analyzer)


def _captioned(words: str, picture: NDArray[np.uint8]) -> Any:
    rows, cols = picture.shape[:2]
    scale = PICTURE_PIXELS / max(rows, cols)
    layout = widgets.Layout(width=f"{round(cols * scale)}px", height=f"{round(rows * scale)}px")
    image = widgets.Image(value=encode_png(picture), format="png", layout=layout)
    return widgets.VBox([image, widgets.HTML(f"<small>{escape(words)}</small>")])


def _heated(analysis: Analysis) -> NDArray[np.uint8]:
    """The slice with the activation map over it, RGB; where there is no evidence the slice stays as it is."""
    heat = analysis.activation_map
    assert heat is not None
    grey = draw_overlay(analysis.scan.pixels)
    levels = np.rint(255 * np.clip(heat, 0, 1)).astype(np.uint8)
    colors = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[:, :, ::-1]
    share = 0.7 * heat[..., None]
    return np.asarray(np.rint(grey * (1 - share) + colors * share), dtype=np.uint8)
