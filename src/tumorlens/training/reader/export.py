"""A trained reader as ONNX, with the score of unlike slices inside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tumorlens.inference.session import READING_OUTPUTS
from tumorlens.training.export import write_onnx
from tumorlens.training.reader.recipe import ReaderRecipe
from tumorlens.training.reader.unlike import UnlikeScore


class ExportedReader(nn.Module):
    """The network and the score, with the outputs of the contract in their order."""

    def __init__(self, network: nn.Module, unlike: UnlikeScore) -> None:
        super().__init__()
        self.network, self.unlike = network, unlike

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Outputs in the order of :data:`tumorlens.inference.session.READING_OUTPUTS`."""
        answers = self.network(image)
        answers["unlike"] = self.unlike(answers["embedding"])
        return tuple(answers[name] for name in READING_OUTPUTS)


def export_reader(network: nn.Module, unlike: UnlikeScore, recipe: ReaderRecipe, path: Path) -> ExportedReader:
    """Write the network as ONNX.

    Raises:
        TrainingError: torch cannot export it.
        OutputError: the file cannot be written.
    """
    network = network.eval().float().to(memory_format=torch.contiguous_format)
    wrapped = ExportedReader(network, unlike).eval()
    example = torch.rand(2, recipe.preprocessing.channels, *recipe.preprocessing.size)
    write_onnx(wrapped, example, READING_OUTPUTS, path, recipe.model.name)
    return wrapped


def reader_parity(wrapped: ExportedReader, path: Path, images: NDArray[np.float32]) -> float:
    """Largest difference of any probability between torch and ONNX Runtime: of a tumor, of a kind, of a pixel."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    answered = session.run(list(READING_OUTPUTS), {"image": images})
    with torch.inference_mode():
        expected = wrapped(torch.from_numpy(images))
    largest = 0.0
    for name, one, other in zip(READING_OUTPUTS, expected, answered, strict=True):
        if name == "unlike":
            continue
        squash = torch.softmax if name in ("kind_logits", "sequence_logits") else None
        pair = [one, torch.from_numpy(np.asarray(other))]
        first, second = (value.sigmoid() if squash is None else squash(value, dim=1) for value in pair)
        largest = max(largest, float((first - second).abs().max()))
    return largest
