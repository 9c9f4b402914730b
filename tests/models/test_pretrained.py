"""ImageNet weights: from a made hub cache, a made release cache, a file, and out of reach."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from tumorlens.errors import RecipeError
from tumorlens.models import build_model, pretrained

pytestmark = pytest.mark.extra_train
SMALL: dict[str, Any] = {"channels": [8, 8, 16, 16], "stem_width": 8}
WIDTHS = {**SMALL, "channels": (8, 8, 16, 16)}
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches, and a hub that nobody serves."""
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", NOWHERE)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "torch"))
    return tmp_path


def build(weights: str, backbone: str = "resnet10t", name: str = "transfer", grey: bool = False, **extra: Any) -> Any:
    parameters = {**({"backbone": backbone} if name != "timm_unet" else {"encoder": backbone}), **extra}
    task = "segmentation" if name == "timm_unet" else "classification"
    return build_model(
        name,
        task,  # type: ignore[arg-type]
        in_channels=1 if grey else 3,
        outputs=4,
        size=(64, 64),
        parameters=parameters,
        pretrained=weights,
    )


def cache_in_hub(folder: Path, repository: str, state: dict[str, torch.Tensor]) -> None:
    root = folder / "hub" / f"models--{repository.replace('/', '--')}"
    snapshot = root / "snapshots" / "0123456789abcdef"
    snapshot.mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("0123456789abcdef")
    save_file(state, str(snapshot / "model.safetensors"))


def test_imagenet_weights_come_from_the_hub_cache_without_a_network(caches: Path) -> None:
    torch.manual_seed(5)
    source = timm.create_model("mobilenetv2_100").state_dict()
    cache_in_hub(caches, "timm/mobilenetv2_100.ra_in1k", source)
    network = build("imagenet", "MobileNetV2")
    assert torch.equal(network.backbone.conv_stem.weight, source["conv_stem.weight"])
    assert all(torch.equal(one, source[name]) for name, one in network.backbone.state_dict().items())
    grey = build("imagenet", "MobileNetV2", grey=True)
    summed = source["conv_stem.weight"].sum(dim=1, keepdim=True)
    torch.testing.assert_close(grey.backbone.conv_stem.weight.detach(), summed)


def test_release_page_weights_come_from_torchs_cache(caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = timm.get_pretrained_cfg("legacy_xception.tf_in1k")
    assert pretrained._cached_file(config) is None
    folder = caches / "torch" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "xception-43020ad28.pth").write_bytes(b"cached")
    assert pretrained._cached_file(config) == folder / "xception-43020ad28.pth"
    with pytest.raises(RecipeError, match=r"xception-43020ad28\.pth cannot be read as plain tensors"):
        build("imagenet", "Xception")


@pytest.mark.parametrize("backbone", ["MobileNetV2", "Xception"])
def test_out_of_reach_says_so_at_once_with_three_ways_out(backbone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = timm.get_pretrained_cfg

    def moved(name: str) -> Any:
        config = real(name)
        if not config.hf_hub_id:
            config.url = f"{NOWHERE}/weights.pth"
        return config

    monkeypatch.setattr(timm, "get_pretrained_cfg", moved)
    network = build("none", backbone)
    with pytest.raises(RecipeError) as raised:
        pretrained.load_pretrained(network, "imagenet")
    message = str(raised.value)
    assert "not in the cache" in message and NOWHERE in message and message.count(". ") == 0
    assert "connect once" in message and "path of the downloaded" in message and "pretrained to none" in message


def test_offline_by_choice_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(pretrained.urllib.request, "urlopen", lambda *_, **__: pytest.fail("asked the network"))
    with pytest.raises(RecipeError, match="not in the cache"):
        build("imagenet", "MobileNetV2")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("name", ["transfer", "timm", "timm_unet"])
def test_a_file_of_the_backbone(name: str, suffix: str, tmp_path: Path) -> None:
    source = timm.create_model("resnet10t", **WIDTHS).state_dict()
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(source, str(path))
    else:
        torch.save({"state_dict": source}, path)
    extra = {"decoder": [8, 8, 8, 8]} if name == "timm_unet" else {}
    network = build(str(path), name=name, **SMALL, **extra)
    backbone = network.encoder if name == "timm_unet" else network.backbone
    loaded = backbone.state_dict()
    assert loaded and all(torch.equal(one, source[key]) for key, one in loaded.items())


def test_a_file_of_the_whole_network(tmp_path: Path) -> None:
    for name, parameters in (("transfer", {"backbone": "resnet10t", **SMALL}), ("ann", {"nodes": 4})):
        given = {"in_channels": 1, "outputs": 4, "size": (16, 16), "parameters": parameters}
        first = build_model(name, "classification", **given)
        save_file(first.state_dict(), str(tmp_path / "all.safetensors"))
        again = build_model(name, "classification", **given, pretrained=str(tmp_path / "all.safetensors"))
        assert all(torch.equal(one, first.state_dict()[key]) for key, one in again.state_dict().items())


def test_files_that_do_not_fit_say_what_differs(tmp_path: Path) -> None:
    source = timm.create_model("resnet10t", **WIDTHS).state_dict()
    path = tmp_path / "weights.pth"
    torch.save({key: one for key, one in source.items() if not key.startswith("layer4")} | {"odd": torch.ones(1)}, path)
    with pytest.raises(
        RecipeError, match=r"do not fit the backbone 'resnet10t' \(\d+ tensors missing, such as 'layer4"
    ):
        build(str(path), **SMALL)
    with pytest.raises(RecipeError, match=r"do not fit this network .*missing, such as 'layers.1.bias'"):
        build_model("ann", "classification", in_channels=1, outputs=4, size=(8, 8), parameters={}, pretrained=str(path))


def test_files_that_are_no_plain_tensors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no weights file .*absent\.pth"):
        build(str(tmp_path / "absent.pth"), **SMALL)
    for name, content in (("a.pth", b"not a file of torch"), ("a.safetensors", b"\x08\0\0\0\0\0\0\0{}")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RecipeError, match=rf"{name} (cannot be read as plain tensors|holds no state dict)"):
            build(str(tmp_path / name), **SMALL)
    torch.save({"weights": tmp_path}, tmp_path / "code.pth")  # a pickled object of a class, which could run code
    with pytest.raises(RecipeError, match=r"code\.pth cannot be read as plain tensors"):
        build(str(tmp_path / "code.pth"), **SMALL)
    torch.save({"weights": [1, 2]}, tmp_path / "b.pth")
    with pytest.raises(RecipeError, match="holds no state dict"):
        build(str(tmp_path / "b.pth"), **SMALL)


def test_networks_without_imagenet_weights_say_which_have_them() -> None:
    with pytest.raises(RecipeError, match=r"'cnn' has no ImageNet weights.*timm, timm_unet, transfer"):
        build_model(
            "cnn", "classification", in_channels=1, outputs=4, size=(64, 64), parameters={}, pretrained="imagenet"
        )
    with pytest.raises(RecipeError, match="pretrained belongs beside"):
        build("none", **SMALL, pretrained=True)
