"""Model folders with tiny ONNX files, made with the ``onnx`` package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from rule_session import manifest

from tumorlens.inference.manifest import MANIFEST_FILE, MODEL_FILE, Manifest, ReadingRules, sha256_of

CLASSES = ("glioma", "meningioma", "pituitary", "no_tumor")
SIDE = 32
READER_ROWS = {"tumor_logit": 1, "kind_logits": 3, "sequence_logits": 4, "stripped_logit": 1, "unlike": 1}
PLAIN: dict[str, Sequence[float]] = {
    "tumor_logit": [4.0],
    "kind_logits": [4.0, 0.0, 0.0],
    "sequence_logits": [0.0, 0.0, 4.0, 0.0],
    "stripped_logit": [-4.0],
    "unlike": [1.0],
}
"""Outputs of a made reader: a tumor, a glioma, in a T2 of a whole head that is like those it knows."""


def write_classifier(
    folder: Path, weight: np.ndarray, classes: Sequence[str] = CLASSES, maps: bool = False, **changes: Any
) -> Manifest:
    """A classifier whose logits are ``weight`` ``[classes, 2]`` times the means of the left and the right half.

    With ``maps`` it answers the image itself, twice, as its features.
    """
    half = SIDE // 2
    masks = np.zeros((1, 2, 1, SIDE), dtype=np.float32)
    masks[0, 0, 0, :half] = masks[0, 1, 0, half:] = 1
    tensors = [
        numpy_helper.from_array(masks, "masks"),
        numpy_helper.from_array(weight.astype(np.float32), "head"),
        numpy_helper.from_array(np.array([2, 3], dtype=np.int64), "axes"),
    ]
    nodes = [
        helper.make_node("Mul", ["image", "masks"], ["features"]),
        helper.make_node("ReduceMean", ["features", "axes"], ["means"], keepdims=0),
        helper.make_node("Gemm", ["means", "head"], ["logits"], transB=1),
        helper.make_node("Identity", ["head"], ["head_weight"]),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(classes)])]
    if maps:
        outputs.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 2, SIDE, SIDE]))
        outputs.append(helper.make_tensor_value_info("head_weight", TensorProto.FLOAT, [len(classes), 2]))
    taken = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])
    graph = helper.make_graph(nodes, "made", [taken], outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / MODEL_FILE))
    activation = "cam" if maps else "none"
    digest = sha256_of(folder / MODEL_FILE)
    made = manifest("classification", classes=tuple(classes), sha256=digest, activation=activation, **changes)
    (folder / MANIFEST_FILE).write_text(made.model_dump_json())
    return made


def toward(first: str, second: str, classes: Sequence[str] = CLASSES, strength: float = 8.0) -> np.ndarray:
    """A weight ``[classes, 2]`` that answers ``first`` where the left half is brighter, and ``second`` elsewhere."""
    weight = np.zeros((len(classes), 2))
    weight[classes.index(first)] = [strength, -strength]
    weight[classes.index(second)] = [-strength, strength]
    return weight


def write_reader(
    folder: Path,
    weight: np.ndarray | None = None,
    bias: Mapping[str, Sequence[float]] = MappingProxyType({}),
    rules: Mapping[str, Any] = MappingProxyType({}),
    leave_out: Sequence[str] = (),
    **changes: Any,
) -> Manifest:
    """A reader whose outputs are ``weight`` ``[10, 4]`` times the means of the halves, plus ``bias``.

    Args:
        folder: where to write it.
        weight: rows in the order of :data:`READER_ROWS`, columns left, right, top and bottom half; zeros for ``None``.
        bias: of the outputs by name; those of :data:`PLAIN` where not named.
        rules: of the manifest's ``reading``.
        leave_out: outputs that the model lacks.
        changes: of the manifest.

    The mask's logits are 20 times what the input is above 0.7, at stride 2.
    """
    half = SIDE // 2
    halves = np.zeros((4, 1, SIDE, SIDE), dtype=np.float32)
    halves[0, :, :, :half] = halves[1, :, :, half:] = halves[2, :, :half] = halves[3, :, half:] = 2 / SIDE**2
    rows = list(READER_ROWS.items())
    total = sum(count for _, count in rows)
    constant = np.concatenate([np.broadcast_to(np.float32(bias.get(name, PLAIN[name])), count) for name, count in rows])
    tensors = [
        numpy_helper.from_array(halves, "halves"),
        numpy_helper.from_array(np.zeros((total, 4), np.float32) if weight is None else np.float32(weight), "weight"),
        numpy_helper.from_array(constant.astype(np.float32), "bias"),
        numpy_helper.from_array(np.array([count for _, count in rows], dtype=np.int64), "counts"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "last"),
        numpy_helper.from_array(np.float32(0.7), "level"),
        numpy_helper.from_array(np.float32(20), "steep"),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "halves"], ["means"]),
        helper.make_node("Flatten", ["means"], ["vector"]),
        helper.make_node("Gemm", ["vector", "weight", "bias"], ["answers"], transB=1),
        helper.make_node("Split", ["answers", "counts"], [f"part_{name}" for name, _ in rows], axis=1),
        helper.make_node("AveragePool", ["image"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Sub", ["pooled", "level"], ["above"]),
        helper.make_node("Mul", ["above", "steep"], ["mask_logits"]),
    ]
    outputs = [helper.make_tensor_value_info("mask_logits", TensorProto.FLOAT, ["batch", 1, half, half])]
    for name, count in rows:
        step = "Squeeze" if count == 1 else "Identity"
        nodes.append(helper.make_node(step, [f"part_{name}", *(["last"] if count == 1 else [])], [name]))
        outputs.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *([count] if count > 1 else [])])
        )
    taken = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])
    kept = [one for one in outputs if one.name not in leave_out]
    graph = helper.make_graph(nodes, "made", [taken], kept, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / MODEL_FILE))
    given = {"kinds": CLASSES[:3], "tumor_threshold": 0.5, "doubt": (0.3, 0.7), **rules}
    made = manifest("reading", sha256=sha256_of(folder / MODEL_FILE), reading=ReadingRules(**given), **changes)
    (folder / MANIFEST_FILE).write_text(made.model_dump_json())
    return made
