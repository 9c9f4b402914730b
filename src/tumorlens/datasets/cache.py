"""Arrays kept on disk: made once, memory-mapped after that, and never trusted unchecked.

An entry is a folder named by the hash of its key, with one ``.npy`` file for each array and ``entry.json``, which holds
the key and the shape, type, size and SHA-256 of every array. It is made in a temporary folder that takes its name at
the end, so that two processes may make the same entry at once and a killed one leaves none.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tumorlens.errors import OutputError

Arrays = dict[str, NDArray[Any]]
ENTRY_FILE = "entry.json"
FORMAT = 1
_ABANDONED_SECONDS = 24 * 3600
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ArraySpec:
    """Shape, items first, and type of an array that is filled item by item."""

    shape: tuple[int, ...]
    dtype: DTypeLike


def cached_arrays(folder: Path | None, key: Mapping[str, Any], make: Callable[[], Arrays]) -> Arrays:
    """The arrays of ``key``: from the cache, or made now and kept.

    Args:
        folder: the cache, made where there is none; ``None`` keeps nothing.
        key: what decides the arrays' values: content hashes and parameters, as JSON can hold them.
        make: makes the arrays; no array may hold Python objects.

    Returns:
        Arrays by name, memory-mapped and read-only where they come from the cache.

    Raises:
        OutputError: the cache cannot be written.
    """
    if folder is None:
        return make()

    def write(entry: Path) -> None:
        for name, array in make().items():
            np.save(_file(entry, name), array, allow_pickle=False)

    return _cached(folder, key, write)


def cached_items(
    folder: Path | None,
    key: Mapping[str, Any],
    specs: Mapping[str, ArraySpec],
    fill: Callable[[int], Mapping[str, NDArray[Any]]],
) -> Arrays:
    """As :func:`cached_arrays`, for sets larger than memory: each item goes straight to the file.

    Args:
        folder: the cache; ``None`` fills arrays in memory.
        key: what decides the arrays' values.
        specs: the arrays; all have the same number of items, their first axis.
        fill: makes item ``index`` of every array, ``shape[1:]`` each.

    Raises:
        OutputError: the cache cannot be written.
        ValueError: the arrays differ in their number of items.
    """
    counts = {spec.shape[0] for spec in specs.values()}
    if len(counts) != 1:
        raise ValueError(f"The arrays have {sorted(counts)} items: they must have equally many.")

    def fill_all(arrays: Arrays) -> Arrays:
        for index in range(*counts):
            for name, item in fill(index).items():
                arrays[name][index] = item
        return arrays

    if folder is None:
        return fill_all({name: np.zeros(spec.shape, spec.dtype) for name, spec in specs.items()})

    def write(entry: Path) -> None:
        arrays: Arrays = {
            name: np.lib.format.open_memmap(_file(entry, name), mode="w+", dtype=np.dtype(spec.dtype), shape=spec.shape)
            for name, spec in specs.items()
        }
        for array in fill_all(arrays).values():
            array.flush()  # type: ignore[attr-defined]

    return _cached(folder, key, write)


def key_hash(key: Mapping[str, Any]) -> str:
    """Hex SHA-256 of a key's canonical JSON."""
    return hashlib.sha256(_canonical(key).encode()).hexdigest()


def _canonical(key: Mapping[str, Any]) -> str:
    return json.dumps(dict(key), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _cached(folder: Path, key: Mapping[str, Any], write: Callable[[Path], None]) -> Arrays:
    entry = folder / key_hash(key)[:32]
    if entry.exists():
        fault = _fault(entry, key)
        if fault is None:
            return _open(entry)
        _LOG.warning("The cached arrays in %s are made anew: %s.", entry, fault)
    temporary = folder / f".making-{secrets.token_hex(8)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder)
        temporary.mkdir()
        write(temporary)
        _seal(temporary, key)
        _put(temporary, entry, key)
    except OSError as error:
        raise OutputError(
            f"The cache '{folder}' cannot be written ({error.strerror or error}): free some space there, or choose "
            "another folder for it."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return _open(entry)


def _put(temporary: Path, entry: Path, key: Mapping[str, Any]) -> None:
    """Give the finished folder its name, unless another process has made the same meanwhile."""
    if entry.exists():
        if _fault(entry, key) is None:
            return
        old = entry.with_name(f".making-{secrets.token_hex(8)}")
        with suppress(FileNotFoundError):
            entry.rename(old)
        shutil.rmtree(old, ignore_errors=True)
    try:
        temporary.rename(entry)
    except OSError:
        if _fault(entry, key) is not None:
            raise


def _seal(entry: Path, key: Mapping[str, Any]) -> None:
    arrays = {}
    for path in sorted(entry.glob("*.npy")):
        array = _load(path)
        arrays[path.stem] = {
            "shape": list(array.shape),
            "dtype": array.dtype.str,
            "bytes": path.stat().st_size,
            "sha256": _sha256(path),
        }
    document = {"format": FORMAT, "key": json.loads(_canonical(key)), "arrays": arrays}
    (entry / ENTRY_FILE).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _fault(entry: Path, key: Mapping[str, Any]) -> str | None:
    """Why an entry cannot be used, or ``None`` if it is whole."""
    try:
        document = json.loads((entry / ENTRY_FILE).read_text(encoding="utf-8"))
        if document["format"] != FORMAT or document["key"] != json.loads(_canonical(key)):
            return "they belong to other parameters"
        arrays = dict(document["arrays"])
        for name, stated in arrays.items():
            path = _file(entry, name)
            if path.stat().st_size != stated["bytes"]:
                return f"'{name}' is truncated"
            if _sha256(path) != stated["sha256"]:
                return f"'{name}' has changed since it was written"
            array = _load(path)
            if (list(array.shape), array.dtype.str) != (stated["shape"], stated["dtype"]):
                return f"'{name}' has another shape or type than stated"
    except OSError as error:
        return f"a file is missing ({error.strerror})"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{ENTRY_FILE} is damaged"
    return None


def _open(entry: Path) -> Arrays:
    return {path.stem: _load(path) for path in sorted(entry.glob("*.npy"))}


def _load(path: Path) -> NDArray[Any]:
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _file(entry: Path, name: str) -> Path:
    if not name.isidentifier():
        raise ValueError(f"The array name {name!r} must be a plain identifier.")
    return entry / f"{name}.npy"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove_abandoned(folder: Path) -> None:
    """Remove what killed processes have left; a folder of today may still be in the making."""
    for path in folder.glob(".making-*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
