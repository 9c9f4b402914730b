"""Recipes are listed without the extras that train them."""

import subprocess
import sys

BARE = """
import sys
for name in ("torch", "lightning", "timm", "monai", "sklearn", "scipy", "matplotlib", "onnx"):
    sys.modules[name] = None
from tumorlens.cli.main import main
sys.argv = ["tumorlens", "recipes", *sys.argv[1:]]
main()
"""


def recipes(*arguments: str) -> str:
    call = [sys.executable, "-c", BARE, *arguments]
    return subprocess.run(call, capture_output=True, text=True, timeout=120, check=True).stdout


def test_all_are_listed_without_the_train_extra() -> None:
    listed = recipes()
    for name in ("reader-lite0", "classifier-small", "e-cnn"):
        assert name in listed


def test_one_is_shown_without_the_train_extra() -> None:
    assert "tf_efficientnet_lite0" in recipes("reader-lite0")
    assert '"task": "classification"' in recipes("classifier-small", "--json")
