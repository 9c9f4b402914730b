"""From a trained network to ``model.onnx``: small, dynamic in the batch, and checked against torch."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from tumorlens.errors import TrainingError
from tumorlens.io.atomic import write_atomic
from tumorlens.training.module import TumorModule, class_logits

OPSET = 18
HALF_FROM = 1024
"""Weights with at least this many numbers are stored in half precision; computation stays in single."""


class _Exported(nn.Module):
    """The network with the outputs that the manifest promises: two logits where it has one sigmoid, maps if it can."""

    def __init__(self, network: nn.Module, *, classifies: bool) -> None:
        super().__init__()
        self.network = network
        self.classifies = classifies
        self.maps = has_maps(network)

    def forward(self, image: torch.Tensor) -> Any:
        if not self.maps:
            logits = self.network(image)
            return class_logits(logits) if self.classifies else logits
        logits, features, head = self.network.forward_with_maps(image)  # type: ignore[operator]
        if head.shape[0] == 1:
            head = torch.cat([torch.zeros_like(head), head])
        return class_logits(logits), features, head


def has_maps(network: nn.Module) -> bool:
    """Whether the network's head allows class activation maps."""
    return hasattr(network, "forward_with_maps")


def export_onnx(module: TumorModule, path: Path, *, half: bool = True) -> None:
    """Write the network as ONNX, with inputs and outputs as :class:`tumorlens.inference.manifest.Manifest` says.

    Raises:
        TrainingError: torch cannot export the network.
        OutputError: the file cannot be written.
    """
    preprocessing = module.recipe.preprocessing
    network = module.network.eval().float().to(memory_format=torch.contiguous_format)
    wrapped = _Exported(network, classifies=module.recipe.task == "classification").eval()
    names = ("logits", "features", "head_weight") if wrapped.maps else ("logits",)
    example = torch.rand(2, preprocessing.channels, *preprocessing.size)
    write_onnx(wrapped, example, names, path, module.recipe.model.name, half=half)


def write_onnx(
    network: nn.Module, example: torch.Tensor, names: Sequence[str], path: Path, title: str, *, half: bool = True
) -> None:
    """Write a network that takes ``image`` as ONNX, dynamic in the batch.

    Args:
        network: in evaluation mode.
        example: an input ``[2, channels, rows, cols]``.
        names: of its outputs, in their order.
        path: of the file.
        title: name of the network, for the error.
        half: store large weights in half precision.

    Raises:
        TrainingError: torch cannot export the network.
        OutputError: the file cannot be written.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for library in ("torch.onnx", "onnx_ir", "onnxscript"):
                logging.getLogger(library).setLevel(logging.ERROR)
            program = torch.onnx.export(
                network,
                (example,),
                input_names=["image"],
                output_names=list(names),
                dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=1024)},),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # the exporter raises many classes, for operators it does not know
        raise TrainingError(f"The network '{title}' cannot be exported to ONNX: {error}.") from error
    assert program is not None
    model = program.model_proto
    for value in [*model.graph.node, *model.graph.input]:
        del value.metadata_props[:]
        value.doc_string = ""
    if half:
        _halve(model)
    onnx.checker.check_model(model)
    write_atomic(path, model.SerializeToString(deterministic=True))


def _halve(model: onnx.ModelProto) -> None:
    """Store large weights as float16 and cast them back when the session is made."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < HALF_FROM:
            continue
        values = numpy_helper.to_array(tensor).astype(np.float16)
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT, name=f"{name}.cast"))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    known = {tensor.name.removesuffix(".half") for tensor in model.graph.initializer}
    kept = [value for value in model.graph.value_info if value.name not in known]
    del model.graph.value_info[:]
    model.graph.value_info.extend(kept)


def parity(module: TumorModule, onnx_path: Path, images: NDArray[np.float32]) -> float:
    """Largest absolute difference of probabilities between torch (single precision) and ONNX Runtime.

    Args:
        module: what was exported.
        onnx_path: what came of it.
        images: prepared inputs, float32 ``[images, channels, rows, cols]``.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
    largest = 0.0
    network = module.network.eval().float()
    for start in range(0, len(images), 16):
        batch = images[start : start + 16]
        (answered,) = session.run(["logits"], {"image": batch})
        with torch.no_grad():
            expected = network(torch.from_numpy(batch))
        found = torch.from_numpy(np.asarray(answered))
        if module.recipe.task == "classification":
            difference = (class_logits(expected).softmax(dim=1) - found.softmax(dim=1)).abs().max()
        else:
            difference = (expected.sigmoid() - found.sigmoid()).abs().max()
        largest = max(largest, float(difference))
    return largest
