"""Recipe files: one recipe each, or a family whose grid and protocols expand into many.

A family file holds ``family`` (a name with ``{axis}`` in braces), ``recipe`` (fields that all share), and optionally

- ``grid``: for each axis a list of values, or a mapping from a value's name to the fields it changes;
- ``protocols``: for ``published`` and ``corrected`` the fields that each changes; the name gets it as its ending;
- ``figures``: published figures by name (without its ending), laid into ``published``.

A text that is ``"{axis}"`` becomes the value of that axis, and ``{axis}`` inside a longer text its name. A mapping that
changes fields is laid over the shared ones key by key; ``null`` takes a field away.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from tumorlens.errors import RecipeError

FOLDER = Path(__file__).parent.parent / "recipes"
STUDIES = "studies.yaml"
FAMILY_KEYS = {"family", "recipe", "grid", "protocols", "figures"}
Fields = dict[str, Any]


def read_yaml(path: Path) -> Fields:
    """Read a YAML mapping.

    Raises:
        RecipeError: the file cannot be read, is not YAML or holds something else than a mapping.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        detail = " ".join(str(error).split())
        if mark is not None and problem:
            detail = f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
        raise RecipeError(f"{path} is not valid YAML ({detail}): mend it and try again.") from error
    if not isinstance(values, dict):
        raise RecipeError(f"{path} must be a YAML mapping of recipe fields, not a {type(values).__name__}.")
    return values


def expand(values: Fields, origin: str) -> dict[str, Fields]:
    """Fields of each recipe in a file, by name.

    Raises:
        RecipeError: the family is not well formed, or two of its recipes share a name.
    """
    if "family" not in values:
        return {str(values.get("name", Path(origin).stem)): values}
    unknown = sorted(set(values) - FAMILY_KEYS)
    if unknown:
        raise RecipeError(f"The family {origin} has the unknown key '{unknown[0]}'; it takes {_listed(FAMILY_KEYS)}.")
    for key in ("recipe", "grid", "protocols", "figures"):
        if not isinstance(values.get(key, {}), dict):
            raise RecipeError(f"'{key}' of the family {origin} must be a mapping.")
    figures = values.get("figures", {})
    found: dict[str, Fields] = {}
    for chosen in _cells(values.get("grid", {}), origin):
        for protocol, changes in (values.get("protocols") or {"own": {}}).items():
            stem = _filled(str(values["family"]), chosen, origin)
            name = stem if protocol == "own" else f"{stem}.{protocol}"
            fields: Fields = dict(values.get("recipe", {}))
            for _, option in chosen.values():
                fields = merged(fields, option) if isinstance(option, Mapping) else fields
            fields = merged(fields, changes or {})
            fields = merged(fields, {"name": name, "protocol": protocol, "published": figures.get(stem, {})})
            if name in found:
                raise RecipeError(f"The family {origin} makes two recipes named '{name}': put every axis into it.")
            found[name] = _filled(fields, chosen, origin)
    strays = set(figures) - {name.rsplit(".", 1)[0] for name in found} - set(found)
    if strays:
        raise RecipeError(f"The family {origin} gives figures for '{min(strays)}', which is none of its recipes.")
    return found


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Fields:
    """``changes`` laid over ``base`` key by key, down through mappings; ``None`` takes a key away."""
    out = dict(base)
    for key, value in changes.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(out.get(key), Mapping):
            out[key] = merged(out[key], value)
        else:
            out[key] = merged({}, value) if isinstance(value, Mapping) else value
    return out


@lru_cache(maxsize=1)
def shipped_recipes() -> dict[str, Fields]:
    """Fields of every recipe that ships, by name, in the order of the files."""
    found: dict[str, Fields] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        if path.name != STUDIES:
            found.update(expand(read_yaml(path), path.name))
    return found


def _cells(grid: Mapping[str, Any], origin: str) -> Iterator[dict[str, tuple[str, Any]]]:
    axes: list[list[tuple[str, tuple[str, Any]]]] = []
    for axis, options in grid.items():
        if isinstance(options, Mapping):
            axes.append([(axis, (str(key), value if value is not None else {})) for key, value in options.items()])
        elif isinstance(options, list):
            axes.append([(axis, (str(value), value)) for value in options])
        else:
            raise RecipeError(f"The axis '{axis}' of the family {origin} must be a list or a mapping.")
    for cell in itertools.product(*axes):
        yield dict(cell)


def _filled(value: Any, chosen: Mapping[str, tuple[str, Any]], origin: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(inner, chosen, origin) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, chosen, origin) for inner in value]
    if not isinstance(value, str) or "{" not in value:
        return value
    for axis, (name, option) in chosen.items():
        if value == f"{{{axis}}}" and not isinstance(option, Mapping):
            return option
        value = value.replace(f"{{{axis}}}", name)
    if "{" in value:
        raise RecipeError(f"'{value}' in the family {origin} names no axis of its grid.")
    return value


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
