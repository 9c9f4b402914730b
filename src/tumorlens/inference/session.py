"""One ONNX Runtime session per model file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import WeightsError
from tumorlens.inference.manifest import Manifest, read_manifest, verified_model

Floats = NDArray[np.float32]


class ModelSession:
    """A verified model, ready to run on the CPU.

    Args:
        folder: holds ``model.onnx`` and ``manifest.json``.
        threads: processor threads of one run; 0 lets ONNX Runtime choose.

    Raises:
        WeightsError: the model is missing, altered, or not what its manifest says.
    """

    def __init__(self, folder: Path, threads: int = 0) -> None:
        import onnxruntime

        self.manifest: Manifest = read_manifest(folder)
        content = verified_model(folder, self.manifest)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Idle threads of one model that spin take the processor from the other model: a third of the time of a scan.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises classes of its own that share no base
            raise WeightsError(f"ONNX Runtime cannot load the model in {folder}: {error}.") from error
        self.outputs: tuple[str, ...] = tuple(one.name for one in self._session.get_outputs())
        if "logits" not in self.outputs or [one.name for one in self._session.get_inputs()] != ["image"]:
            raise WeightsError(
                f"The model in {folder} must take 'image' and answer 'logits': export it with tumorlens."
            )

    def run(self, images: Floats, outputs: tuple[str, ...] = ("logits",)) -> list[Floats]:
        """Outputs by name for ``images`` float32 ``[batch, channels, rows, cols]``."""
        found = self._session.run(list(outputs), {"image": np.ascontiguousarray(images, dtype=np.float32)})
        return [np.asarray(one, dtype=np.float32) for one in found]


def softmax(logits: Floats) -> Floats:
    """Softmax over the last axis, stable for large logits."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)


def sigmoid(logits: Floats) -> Floats:
    """Logistic function, stable for large logits."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=np.float32)
