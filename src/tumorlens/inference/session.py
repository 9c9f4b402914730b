"""One ONNX Runtime session per model file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import WeightsError
from tumorlens.inference.manifest import Manifest, read_manifest, verified_model

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Floats = NDArray[np.float32]
READING_OUTPUTS = ("tumor_logit", "kind_logits", "mask_logits", "sequence_logits", "stripped_logit", "unlike")


class ModelSession:
    """A verified model, ready to run on the CPU.

    Args:
        folder: holds ``model.onnx`` and ``manifest.json``.
        threads: processor threads of one run; 0 lets ONNX Runtime choose.

    Raises:
        WeightsError: the model is missing, altered, or not what its manifest says.
    """

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self.manifest: Manifest = read_manifest(folder)
        if self.manifest.rule is not None:
            raise WeightsError(f"{folder} holds an ensemble of several models, and a single model is needed here.")
        self._session = onnx_session(verified_model(folder, self.manifest), threads, folder)
        self.outputs: tuple[str, ...] = tuple(one.name for one in self._session.get_outputs())
        needed = READING_OUTPUTS if self.manifest.task == "reading" else ("logits",)
        if not set(needed) <= set(self.outputs) or [one.name for one in self._session.get_inputs()] != ["image"]:
            raise WeightsError(
                f"The model in {folder} must take 'image' and answer {', '.join(needed)}: export it with tumorlens."
            )

    def run(self, images: Floats, outputs: tuple[str, ...] = ("logits",)) -> list[Floats]:
        """Outputs by name for ``images`` float32 ``[batch, channels, rows, cols]``."""
        found = self._session.run(list(outputs), {"image": np.ascontiguousarray(images, dtype=np.float32)})
        return [np.asarray(one, dtype=np.float32) for one in found]


def onnx_session(content: bytes, threads: int, folder: Path) -> InferenceSession:
    """A session of ONNX Runtime on the CPU.

    Args:
        content: the ONNX file, verified.
        threads: processor threads of one run; 0 lets ONNX Runtime choose.
        folder: where it came from, for the error.

    Raises:
        WeightsError: it cannot be loaded.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Idle threads of one model that spin take the processor from the other model: a third of the time of a scan.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises classes of its own that share no base
        raise WeightsError(f"ONNX Runtime cannot load the model in {folder}: {error}.") from error


def softmax(logits: Floats) -> Floats:
    """Softmax over the last axis, stable for large logits."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)


def sigmoid(logits: Floats) -> Floats:
    """Logistic function, stable for large logits."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=np.float32)
