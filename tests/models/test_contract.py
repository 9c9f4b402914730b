"""The contract of every network in the registry; a new one joins by a line in ``CASES``."""

import io
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from tumorlens.errors import RecipeError
from tumorlens.models import REGISTRY, build_model
from tumorlens.models.describe import count_parameters, describe

pytestmark = pytest.mark.extra_train

OUTPUTS = 3
SMALL = {"channels": [8, 8, 16, 16], "stem_width": 8}


@dataclass(frozen=True)
class Case:
    """Small parameters of a registry entry, the inputs it takes, and parameters that it must refuse."""

    name: str
    parameters: dict[str, Any]
    refused: dict[str, Any]
    size: tuple[int, int] = (64, 96)
    export: bool = True
    supervised: bool = False


CASES = (
    Case("timm", {"backbone": "resnet10t", **SMALL, "dropout": 0.5}, {"backbone": "resnet10000"}, export=False),
    Case("timm_unet", {"encoder": "resnet10t", **SMALL, "decoder": [16, 8, 8, 8]}, {"decoder": [16, 8]}, export=False),
    Case(
        "timm_unet",
        {"encoder": "resnet10t", **SMALL, "decoder": [16, 8, 8, 8], "full_channels": 4},
        {"encoder": "resnet10000"},
        size=(50, 70),
    ),
    Case("ann", {"nodes": 8, "dense": 2}, {"nodes": 0}, size=(12, 10)),
    Case("ann", {"nodes": 8, "dense": 0}, {"dense": -1}, size=(12, 10), export=False),
    Case("cnn", {"conv": 1, "nodes": 8, "dense": 0}, {"conv": 0}, size=(20, 30), export=False),
    Case("cnn", {"conv": 3, "nodes": 8, "dense": 2}, {"conv": 9}, size=(40, 50)),
    Case("a_cnn2", {}, {"init": "he"}, size=(20, 30)),
    Case("a_cnn6", {}, {"dropout": 2.0}, size=(64, 64), export=False),
    Case("e_cnn", {}, {"dense_dropout": -1.0}, size=(128, 124), export=False),
    Case(
        "transfer",
        {"backbone": "resnet10t", **SMALL, "pooling": "max", "dense": [8], "dropouts": [0.3, 0.25]},
        {"dropouts": [0.1]},
        export=False,
    ),
    Case("transfer", {"backbone": "resnet10t", **SMALL, "pooling": "flatten", "dense": [8, 8]}, {"pooling": "mean"}),
    Case("transfer", {"backbone": "resnet10t", **SMALL, "dropouts": [0.5]}, {"dense": [0, -1]}, export=False),
    Case("transfer", {"backbone": "vgg11", "keep_top": True, "mlp_ratio": 0.01}, {"pooling": "max"}, size=(48, 70)),
    Case("gate", {"width": 4}, {"width": 4, "size_of": 3}, size=(64, 96)),
    Case("basic_unet", {"features": [4, 4, 8, 8, 16, 4]}, {"features": [4, 4]}),
    Case("res_unet", {"features": [4, 6, 8]}, {"features": [4]}, size=(50, 70)),
    Case("attention_unet", {"channels": [4, 8, 16]}, {"strides": [2]}, size=(33, 46)),
    Case("unet_pp", {"features": [4, 4, 8, 8, 16, 4]}, {"features": [4, 4]}, size=(50, 70)),
    Case(
        "unet_pp",
        {"features": [4, 4, 8, 8, 16, 4], "deep_supervision": True},
        {"norm": "no such"},
        export=False,
        supervised=True,
    ),
    Case(
        "monai",
        {"network": "UNet", "channels": [4, 8, 16], "strides": [2, 2], "norm": "batch"},
        {"network": "NoSuchNet"},
        size=(50, 70),
    ),
    Case(
        "monai",
        {
            "network": "DynUNet",
            "kernel_size": [3, 3, 3, 3],
            "strides": [1, 2, 2, 2],
            "upsample_kernel_size": [2, 2, 2],
            "filters": [4, 4, 8, 8],
            "deep_supervision": True,
            "deep_supr_num": 2,
        },
        {"network": "AttentionUnet", "channels": [4, 8], "strides": [2]},
        export=False,
        supervised=True,
    ),
)
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{CASES.index(case)}")


def build(case: Case, channels: int = 1, seed: int = 0, **parameters: Any) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build_model(
        case.name,
        REGISTRY[case.name].task,
        in_channels=channels,
        outputs=OUTPUTS,
        size=case.size,
        parameters={**case.parameters, **parameters},
    )


def images_of(case: Case, batch: int = 2, channels: int = 1) -> torch.Tensor:
    return torch.rand((batch, channels, *case.size), generator=torch.Generator().manual_seed(1))


def expected_shape(case: Case, batch: int) -> tuple[int, ...]:
    return (batch, OUTPUTS, *case.size) if REGISTRY[case.name].task == "segmentation" else (batch, OUTPUTS)


def test_every_entry_has_a_case() -> None:
    # What a reader promises is more than logits; tests/training/reader holds it.
    assert {case.name for case in CASES} == {name for name, entry in REGISTRY.items() if entry.task != "reading"}


@EACH
class TestContract:
    @pytest.mark.parametrize(("batch", "channels"), [(1, 1), (2, 3)])
    def test_logits_have_the_shape_of_the_task(self, case: Case, batch: int, channels: int) -> None:
        network = build(case, channels).eval()
        logits = network(images_of(case, batch, channels))
        assert logits.shape == expected_shape(case, batch)
        assert logits.dtype == torch.float32 and torch.isfinite(logits).all()

    def test_training_answers_with_a_list_where_supervision_is_deep(self, case: Case) -> None:
        answer = build(case).train()(images_of(case))
        assert isinstance(answer, list) == case.supervised
        answers = answer if isinstance(answer, list) else [answer]
        assert len(answers) > 1 or not case.supervised
        assert all(one.shape == expected_shape(case, 2) for one in answers)

    def test_answer_to_an_image_depends_on_neither_batch_nor_chance(self, case: Case) -> None:
        network, images = build(case).eval(), images_of(case, 3)
        with torch.no_grad():
            together = network(images)
            assert torch.equal(together, network(images))
            alone = torch.cat([network(images[index : index + 1]) for index in range(3)])
        torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)

    def test_every_parameter_learns(self, case: Case) -> None:
        """Within a few steps, for the last normalization of a residual block starts at 0 and holds back its branch."""
        network = build(case).train()
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        idle = {name for name, _ in network.named_parameters()}
        for _ in range(3):
            optimizer.zero_grad()
            answer = network(images_of(case))
            parts = answer if isinstance(answer, list) else [answer]
            sum(part.sub(1).square().mean() for part in parts).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            idle -= {name for name, one in network.named_parameters() if one.grad is not None and one.grad.any()}
        assert not idle

    def test_saved_weights_give_the_same_answer(self, case: Case) -> None:
        first, second, images = build(case).eval(), build(case, seed=7).eval(), images_of(case)
        with torch.no_grad():
            assert not torch.equal(first(images), second(images))
            file = io.BytesIO()
            torch.save(first.state_dict(), file)
            file.seek(0)
            second.load_state_dict(torch.load(file, weights_only=True))
            assert torch.equal(first(images), second(images))

    def test_seed_decides_the_weights(self, case: Case) -> None:
        first, again, other = (build(case, seed=seed).state_dict() for seed in (3, 3, 4))
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert not all(torch.equal(first[name], other[name]) for name in first)

    def test_bad_parameters_are_refused_with_their_value(self, case: Case) -> None:
        with pytest.raises(RecipeError, match=rf"model '{case.name}' cannot be built with [^\n]*[^.]\.$"):
            build(case, **case.refused)

    def test_unknown_parameters_are_refused(self, case: Case) -> None:
        with pytest.raises(RecipeError, match=r"cannot be built.*no_such_parameter"):
            build(case, no_such_parameter=1)

    def test_channels_last_input_gives_the_same_answer(self, case: Case) -> None:
        network, images = build(case).eval(), images_of(case)
        with torch.no_grad():
            expected = network(images)
            network.to(memory_format=torch.channels_last)
            answered = network(images.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(answered, expected, atol=1e-4, rtol=1e-4)

    def test_description_holds_every_parameter_and_the_way_of_the_image(self, case: Case) -> None:
        network = build(case).train()
        rows = describe(network, case.size, in_channels=1)
        total, trainable = count_parameters(network)
        assert sum(row.parameters for row in rows) == total == sum(one.numel() for one in network.parameters())
        assert sum(row.trainable for row in rows) == trainable
        assert all(row.output_shape for row in rows if row.parameters)
        assert network.training and all(one.device.type == "cpu" for one in network.parameters())


@pytest.mark.parametrize("case", [case for case in CASES if case.export], ids=lambda case: case.name)
def test_exported_network_answers_the_same(case: Case, tmp_path: Path) -> None:
    network, images = build(case).eval(), images_of(case, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        batch = torch.export.Dim("batch", min=1, max=1024)
        torch.onnx.export(
            network,
            (images[:2],),
            tmp_path / "model.onnx",
            input_names=["image"],
            dynamic_shapes=({0: batch},),
            opset_version=18,
            dynamo=True,
            verbose=False,
        )
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    (answered,) = session.run(None, {"image": images.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(answered, network(images).numpy(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("case", [CASES[0], CASES[12]], ids=lambda case: case.name)
def test_maps_of_a_classifier_explain_its_logits(case: Case) -> None:
    """The mean over space of the maps, weighted by the head, plus its bias, is the logit: what CAM rests on."""
    network = build(case).eval()
    logits, maps, weights = network.forward_with_maps(images_of(case))
    torch.testing.assert_close(logits, network(images_of(case)))
    assert weights.shape == (OUTPUTS, maps.shape[1])
    again = maps.mean(dim=(2, 3)) @ weights.T + network.head.bias
    torch.testing.assert_close(again, logits)


def test_only_pooled_linear_heads_offer_maps() -> None:
    offering = {CASES.index(case) for case in CASES if hasattr(build(case), "forward_with_maps")}
    assert offering == {0, 12}


def test_dropout_acts_in_training_alone() -> None:
    network, images = build(CASES[0]).train(), images_of(CASES[0], 4)
    for module in network.backbone.modules():
        module.eval()
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))
