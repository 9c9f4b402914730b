from __future__ import annotations

import json
from pathlib import Path

import pytest

from tumorlens._optional import require
from tumorlens.errors import MissingExtraError


def test_installed_module_is_returned() -> None:
    assert require("json", "train") is json


def test_missing_module_names_the_command_that_installs_it() -> None:
    with pytest.raises(MissingExtraError, match=r"'no_such_package'.*pip install 'tumorlens\[train\]'") as caught:
        require("no_such_package", "train")
    assert isinstance(caught.value.__cause__, ImportError)


def test_missing_submodule_of_missing_package() -> None:
    with pytest.raises(MissingExtraError, match=r"no_such_package\.inner"):
        require("no_such_package.inner", "bench")


def test_fault_inside_an_installed_module_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tumorlens_broken_module.py").write_text("import another_missing_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="another_missing_package"):
        require("tumorlens_broken_module", "train")
