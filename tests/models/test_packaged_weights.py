from pathlib import Path

import pytest
import torch

from tumorlens.errors import MissingExtraError, RecipeError
from tumorlens.models import build_model, packaged_weights
from tumorlens.models.packaged_weights import PACKAGED, packaged_file, packaged_state

pytestmark = pytest.mark.extra_train

BACKBONE = "tf_efficientnet_lite0"


@pytest.fixture
def installed() -> Path:
    pytest.importorskip(PACKAGED[BACKBONE].module)
    path = packaged_file(BACKBONE)
    assert path is not None
    return path


def test_what_has_no_package_is_said() -> None:
    assert packaged_file("resnet50") is None
    with pytest.raises(RecipeError, match="No package holds"):
        packaged_state("resnet50")


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged_weights.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"tumorlens\[imagenet\]"):
        packaged_file(BACKBONE)


def test_an_altered_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    altered = tmp_path / "weights.pth"
    altered.write_bytes(b"altered")
    monkeypatch.setattr(packaged_weights, "packaged_file", lambda name: altered)
    with pytest.raises(RecipeError, match="is expected: install"):
        packaged_state(BACKBONE)
    monkeypatch.setattr(packaged_weights, "packaged_file", lambda name: tmp_path / "none")
    with pytest.raises(RecipeError, match="cannot be opened"):
        packaged_state(BACKBONE)


def test_the_weights_map_one_to_one_and_see(installed: Path) -> None:
    import timm

    network = timm.create_model(BACKBONE, pretrained=False).eval()
    network.load_state_dict(packaged_state(BACKBONE))
    # A network with its statistics in place keeps the scale of its features; a mismatch blows them up or kills them.
    with torch.inference_mode():
        answer = network(torch.rand(2, 3, 224, 224) * 2 - 1)
    assert answer.shape == (2, 1000) and 0.1 < float(answer.std()) < 10


def test_a_reader_starts_from_them(installed: Path) -> None:
    common = {"in_channels": 1, "outputs": 3, "size": (64, 64), "parameters": {"width": 8, "hidden": 8}}
    network = build_model("pyramid", "reading", pretrained="imagenet", **common)
    stem = network.state_dict()["encoder.conv_stem.weight"]
    assert torch.allclose(stem, packaged_state(BACKBONE)["conv_stem.weight"].sum(dim=1, keepdim=True))
