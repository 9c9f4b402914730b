"""A small dense network over the members' probabilities (stacked generalization: Wolpert, Neural Networks, 1992)."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional

from tumorlens.errors import UsageError
from tumorlens.evaluation.calibration import fit_temperature
from tumorlens.evaluation.figures import assign_folds
from tumorlens.evaluation.intervals import bootstrap_mean
from tumorlens.inference.ensemble import stacked
from tumorlens.inference.ensemble_folder import ensemble_manifest
from tumorlens.inference.manifest import Manifest, Rule
from tumorlens.models.keras_init import initialize
from tumorlens.training.ensembles import Fitted, Outcome, lineage, prepare_out, report
from tumorlens.training.export import OPSET
from tumorlens.training.keras_semantics import ADAM_EPSILON, Stopper
from tumorlens.training.members import (
    Common,
    Progress,
    Source,
    common_answers,
    no_progress,
    open_sources,
    validation_is_test,
)

Fit = Literal["out-of-fold", "validation", "test"]
WIDTHS = (64, 32)
PUBLISHED_MEMBERS = {"xception", "inceptionv3", "resnet50", "vgg19"}
PUBLISHED = {
    "accuracy": 0.9961,
    "auroc": 1.0,
    "precision_glioma": 1.0,
    "recall_glioma": 1.0,
    "f1_glioma": 1.0,
    "precision_meningioma": 0.9870,
    "recall_meningioma": 0.9935,
    "f1_meningioma": 0.9902,
    "precision_pituitary": 1.0,
    "recall_pituitary": 1.0,
    "f1_pituitary": 1.0,
    "precision_no_tumor": 0.9933,
    "recall_no_tumor": 0.9867,
    "f1_no_tumor": 0.9900,
}
"""Figures of experiment D, which stacks these four."""


@dataclass(frozen=True)
class Fitting:
    """How the network is trained.

    Attributes:
        seed: of the initial weights and of the order of the images.
        epochs: at most; the published one ended after about five.
        lr: learning rate of Adam.
        batch_size: images of a step.
        patience: epochs without a lower training loss after which it ends, as Keras counts.
        folds: folds of whole groups for the figure of an out-of-fold fit.
    """

    seed: int = 0
    epochs: int = 50
    lr: float = 0.001
    batch_size: int = 32
    patience: int = 3
    folds: int = 5

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.folds < 2:
            raise UsageError(f"{self.epochs} epochs and {self.folds} folds: at least 1 and 2 are needed.")


class StackNetwork(nn.Module):
    """Dense 64, dense 32 and dense ``classes``, with ReLU between them and Keras's initial weights."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        widths = (inputs, *WIDTHS, classes)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        initialize(self, "keras")

    def forward(self, probabilities: torch.Tensor) -> torch.Tensor:
        """Logits ``[images, classes]`` of ``[images, members * classes]``."""
        *hidden, last = self.layers
        for layer in hidden:
            probabilities = functional.relu(layer(probabilities))
        return last(probabilities)


def fit_stack(
    rows: NDArray[np.float32], truth: NDArray[np.int64], classes: int, fitting: Fitting
) -> tuple[StackNetwork, list[float]]:
    """Train the network; the same seed gives the same weights.

    Args:
        rows: ``[images, members * classes]``.
        truth: index of the true class, ``[images]``.
        classes: number of classes.
        fitting: how.

    Returns:
        The network in evaluation mode, with its last weights as Keras leaves them, and the training loss of each epoch.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(fitting.seed)
        network = StackNetwork(rows.shape[1], classes)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # steps as small as these cost twenty times as much where threads share them
    try:
        return network.eval(), _epochs(network, torch.from_numpy(rows), torch.from_numpy(truth), fitting)
    finally:
        torch.set_num_threads(threads)


def _epochs(network: StackNetwork, inputs: torch.Tensor, labels: torch.Tensor, fitting: Fitting) -> list[float]:
    optimizer = torch.optim.Adam(network.parameters(), lr=fitting.lr, eps=ADAM_EPSILON)
    rng = np.random.default_rng(fitting.seed)
    stopper, losses = Stopper("min", fitting.patience), []
    for epoch in range(fitting.epochs):
        total = 0.0
        order = rng.permutation(len(inputs))
        for start in range(0, len(inputs), fitting.batch_size):
            chosen = torch.from_numpy(order[start : start + fitting.batch_size])
            loss = functional.cross_entropy(network(inputs[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += float(loss.detach()) * len(chosen)
        losses.append(total / len(inputs))
        if stopper.update(losses[-1], epoch)[1]:
            break
    return losses


def out_of_fold_logits(
    rows: NDArray[np.float32], truth: NDArray[np.int64], groups: Sequence[str], classes: int, fitting: Fitting
) -> NDArray[np.float64] | None:
    """Logits ``[images, classes]``, each of a network that was fitted without the image's fold.

    Folds hold whole groups; ``None`` where there are fewer than two groups for each fold.
    """
    assigned = assign_folds(groups, truth.tolist(), fitting.folds)
    if assigned is None:
        return None
    logits = np.empty((len(rows), classes))
    for fold in range(fitting.folds):
        inside = assigned == fold
        network, _ = fit_stack(rows[~inside], truth[~inside], classes, fitting)
        logits[inside] = answer(network, rows[inside])
    return logits


def answer(network: StackNetwork, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logits of the network."""
    with torch.no_grad():
        return network(torch.from_numpy(rows)).double().numpy()


def stack_onnx(network: StackNetwork) -> bytes:
    """The network as ONNX: ``probabilities`` ``[batch, members * classes]`` to ``logits`` ``[batch, classes]``."""
    nodes, tensors, name = [], [], "probabilities"
    for number, layer in enumerate(network.layers):
        assert isinstance(layer, nn.Linear)
        for part, value in (("weight", layer.weight), ("bias", layer.bias)):
            tensors.append(numpy_helper.from_array(value.detach().numpy(), f"{part}{number}"))
        last = number == len(network.layers) - 1
        made = "logits" if last else f"dense{number}"
        nodes.append(helper.make_node("Gemm", [name, f"weight{number}", f"bias{number}"], [made], transB=1))
        if not last:
            nodes.append(helper.make_node("Relu", [made], [f"relu{number}"]))
        name = f"relu{number}"
    inputs, classes = network.layers[0].in_features, network.layers[-1].out_features
    taken = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", inputs])
    given = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])
    graph = helper.make_graph(nodes, "stack", [taken], [given], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def stack_parity(network: StackNetwork, content: bytes, rows: NDArray[np.float32]) -> float:
    """Largest absolute difference of probabilities between torch and ONNX Runtime."""
    from tumorlens.inference.session import onnx_session

    (found,) = onnx_session(content, 1, Path("stack")).run(["logits"], {"probabilities": rows})
    expected = functional.softmax(torch.from_numpy(answer(network, rows)), dim=1)
    return float((functional.softmax(torch.from_numpy(np.asarray(found)).double(), dim=1) - expected).abs().max())


def stack(
    names: Sequence[str],
    out: Path,
    *,
    fit: Fit = "out-of-fold",
    data: Path | None = None,
    fitting: Fitting | None = None,
    progress: Progress = no_progress,
) -> Outcome:
    """Fit the network over finished runs, report on the test images that all have, and export the ensemble.

    ``"out-of-fold"`` and ``"validation"`` fit on what the members answer on their validation parts, which none was
    trained on; the former first scores the fit on folds of whole groups that were left out of it, which also gives the
    temperature. ``"test"`` fits and scores on the same answers, as experiment D published it: it leaks.

    Args:
        names: folders of runs or models.
        out: folder that receives the report, predictions, record and ``export/``.
        fit: what the network is fitted on.
        data: folder of the collection, where answers are lacking.
        fitting: how; at most 5 epochs on the test part and 50 otherwise for ``None``.
        progress: called with what is answered, the number of images done, and of all.

    Raises:
        UsageError: the runs cannot be joined, have no images in common, or their validation part is their test part.
        OutputError: ``out`` holds something else or cannot be written.
    """
    fitting = fitting or Fitting(epochs=5 if fit == "test" else 50)
    sources = open_sources(names)
    both = [one.name for one in sources if validation_is_test(one)]
    if both and fit != "test":
        raise UsageError(
            f"The validation part of {both[0]} is its test part, so that nothing is left to fit on: pass --fit test, "
            "which is labelled as leaking, or stack corrected runs."
        )
    prepare_out(out)
    test = common_answers(sources, "test", data, out, progress)
    taught = test if fit == "test" else _apart(common_answers(sources, "validation", data, out, progress), test)
    classes = len(test.tables[0].classes)
    rows, truth = stacked(taught.probabilities), taught.tables[0].truth
    facts: dict[str, Any] = {"fitted_on": fit, "images": len(rows), **asdict(fitting)}
    temperature = 1.0
    if fit == "out-of-fold":
        temperature = _score_folds(rows, taught, classes, fitting, facts)
    network, losses = fit_stack(rows, truth, classes, fitting)
    facts |= {"losses": [round(one, 6) for one in losses], "temperature": temperature}
    content = stack_onnx(network)
    manifest = _manifest(sources, network, content, rows, fit, fitting, len(losses), temperature)
    facts["parity"] = manifest.parity
    logits = answer(network, stacked(test.probabilities)) / temperature
    probabilities = functional.softmax(torch.from_numpy(logits), dim=1).numpy()
    fitted = Fitted(content, facts, _published(sources))
    return report(out, sources, test, manifest, probabilities, export=True, fitted=fitted)


def _apart(validation: Common, test: Common) -> Common:
    """Validation answers without test images, which other members' splits may have moved there.

    Raises:
        UsageError: none is left.
    """
    tested = set(test.tables[0].ids)
    keep = np.array([name not in tested for name in validation.tables[0].ids])
    if not keep.any():
        raise UsageError("Every validation image is a test image too: stack corrected runs, or pass --fit test.")
    return Common(tuple(one.subset(keep) for one in validation.tables), validation.grouped_by)


def _score_folds(
    rows: NDArray[np.float32], taught: Common, classes: int, fitting: Fitting, facts: dict[str, Any]
) -> float:
    """Note the accuracy on left-out folds among the facts; returns the temperature fitted on them."""
    table = taught.tables[0]
    logits = out_of_fold_logits(rows, table.truth, table.groups, classes, fitting)
    if logits is None:
        facts["out_of_fold_accuracy"] = None
        return 1.0
    found = bootstrap_mean((logits.argmax(axis=1) == table.truth).astype(np.float64), table.groups)
    facts["out_of_fold_accuracy"] = {key: round(value, 6) for key, value in found.to_dict().items() if key != "skipped"}
    return round(float(fit_temperature(logits, table.truth)), 4)


def _manifest(
    sources: Sequence[Source],
    network: StackNetwork,
    content: bytes,
    rows: NDArray[np.float32],
    fit: Fit,
    fitting: Fitting,
    epochs: int,
    temperature: float,
) -> Manifest:
    rule = Rule(name="stacking", fitted_on=fit, leaking=fit == "test", sha256=hashlib.sha256(content).hexdigest())
    training = lineage(sources, f"stack {fit}", seed=fitting.seed, epochs=epochs)
    return ensemble_manifest(
        [one.part for one in sources],
        rule,
        training,
        temperature=temperature,
        parity=stack_parity(network, content, rows),
    )


def _published(sources: Sequence[Source]) -> dict[str, float]:
    """The published figures, where the members are those of experiment D."""
    recipes = [one.subject.manifest.training.recipe for one in sources]
    found = {name.removeprefix("d-").split(".")[0] for name in recipes if name.startswith("d-")}
    return PUBLISHED if len(recipes) == len(PUBLISHED_MEMBERS) and found == PUBLISHED_MEMBERS else {}
