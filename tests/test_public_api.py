from __future__ import annotations

import ast
import importlib
import importlib.metadata
import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import tumorlens

ROOT = Path(__file__).parents[1]
PACKAGE = Path(tumorlens.__file__).parent
SOURCES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
ROOMS = ("datasets", "inference", "io", "measurement", "phantoms", "preprocessing", "writers")


def public(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        yield f"{prefix}{node.name}", node
        if isinstance(node, ast.ClassDef):
            yield from public(node, f"{prefix}{node.name}.")


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_everything_public_has_a_docstring(source: Path) -> None:
    tree = ast.parse((PACKAGE / source).read_text(encoding="utf-8"))
    if source.name != "__init__.py" or tree.body:
        assert ast.get_docstring(tree), "the module says nothing of itself"
    silent = [name for name, node in public(tree) if not ast.get_docstring(node)]  # type: ignore[arg-type]
    assert not silent


def test_top_level_names() -> None:
    assert set(tumorlens.__all__) == {
        "CLASSES",
        "Analysis",
        "Failure",
        "Scan",
        "TumorClass",
        "__version__",
        "analyze",
        "analyze_many",
    }
    for name in tumorlens.__all__:
        assert getattr(tumorlens, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = tumorlens.no_such_name


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_export_what_they_name(room: str) -> None:
    module = importlib.import_module(f"tumorlens.{room}")
    names = getattr(module, "__all__", [])
    assert len(names) == len(set(names))
    for name in names:
        value = getattr(module, name)
        assert not inspect.isroutine(value) or value.__doc__


def test_signatures_that_users_rely_on() -> None:
    assert list(inspect.signature(tumorlens.analyze).parameters) == ["scan", "spacing_mm", "slice", "gate"]
    assert next(iter(inspect.signature(tumorlens.analyze_many).parameters)) == "inputs"
    for name in ("label", "probabilities", "mask", "regions", "activation_map"):
        assert name in tumorlens.Analysis.__dataclass_fields__
    for name in ("overlay", "to_json"):
        assert callable(getattr(tumorlens.Analysis, name))


def test_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_research_notice_stands_in_the_package_and_its_metadata() -> None:
    notice = "Research use, not a medical device"
    assert notice in (tumorlens.__doc__ or "")
    assert notice in importlib.metadata.metadata("tumorlens")["Summary"]
    assert notice in (ROOT / "README.md").read_text(encoding="utf-8")


def test_versions_agree() -> None:
    version = tumorlens.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in project["project"]["dynamic"]
    assert importlib.metadata.version("tumorlens") == version
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert cited is not None
    assert cited[1].strip("\"'") == version
    released = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert released[0] == version


def test_licence_is_whole_and_named() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert importlib.metadata.metadata("tumorlens")["License-Expression"] == "Apache-2.0"


def test_extras_are_the_promised_ones() -> None:
    metadata = importlib.metadata.metadata("tumorlens")
    assert {"train", "dev", "bench"} <= set(metadata.get_all("Provides-Extra") or [])
    runtime = [one for one in importlib.metadata.requires("tumorlens") or [] if "extra ==" not in one]
    names = {re.split(r"[^A-Za-z0-9._-]", one)[0].lower() for one in runtime}
    assert "onnxruntime" in names
    assert not names & {"torch", "scipy", "scikit-learn", "scikit-image", "matplotlib", "pandas", "pylibjpeg-libjpeg"}
