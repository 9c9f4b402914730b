"""Model folders with tiny ONNX files, made with the ``onnx`` package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from rule_session import manifest

from tumorlens.inference.manifest import MANIFEST_FILE, MODEL_FILE, Manifest, ReadingRules, sha256_of

CLASSES = ("glioma", "meningioma", "pituitary", "no_tumor")
SIDE = 32


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


def write_reader(folder: Path, rules: ReadingRules, **changes: Any) -> Manifest:
    """A reader that calls a glioma where the left half is the brighter one, and marks what is bright."""
    half = SIDE // 2
    signed = np.full((1, 1, 1, SIDE), -1600.0 / SIDE, dtype=np.float32)
    signed[..., :half] = 1600.0 / SIDE
    constants = {
        "signed": signed,
        "kinds": np.array([[3.0, 0.0, 0.0]], dtype=np.float32),
        "looks": np.array([[0.0, 0.0, 5.0, 0.0]], dtype=np.float32),
        "zero": np.zeros((1, 1), dtype=np.float32),
        "minus": np.array([-1.0], dtype=np.float32),
        "one": np.array([1.0], dtype=np.float32),
        "half": np.array([0.5], dtype=np.float32),
        "steep": np.array([20.0], dtype=np.float32),
    }
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    axes = numpy_helper.from_array(np.array([1, 2, 3], dtype=np.int64), "axes")
    last = numpy_helper.from_array(np.array([1], dtype=np.int64), "last")
    nodes = [
        helper.make_node("Mul", ["image", "signed"], ["weighed"]),
        helper.make_node("ReduceMean", ["weighed", "axes"], ["tumor_logit"], keepdims=0),
        helper.make_node("Unsqueeze", ["tumor_logit", "last"], ["column"]),
        helper.make_node("Mul", ["column", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "kinds"], ["kind_logits"]),
        helper.make_node("Add", ["nothing", "looks"], ["sequence_logits"]),
        helper.make_node("Sub", ["image", "half"], ["lowered"]),
        helper.make_node("Mul", ["lowered", "steep"], ["mask_logits"]),
        helper.make_node("ReduceSum", ["nothing", "last"], ["flat"], keepdims=0),
        helper.make_node("Add", ["flat", "minus"], ["stripped_logit"]),
        helper.make_node("Add", ["flat", "one"], ["unlike"]),
    ]
    shapes = {
        "tumor_logit": ["batch"], "kind_logits": ["batch", 3], "mask_logits": ["batch", 1, SIDE, SIDE],
        "sequence_logits": ["batch", 4], "stripped_logit": ["batch"], "unlike": ["batch"],
    }  # fmt: skip
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    taken = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])
    graph = helper.make_graph(nodes, "made", [taken], outputs, [*tensors, axes, last])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / MODEL_FILE))
    made = manifest("reading", reading=rules, sha256=sha256_of(folder / MODEL_FILE), **changes)
    (folder / MANIFEST_FILE).write_text(made.model_dump_json())
    return made
