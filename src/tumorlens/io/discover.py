"""The scans that a list of files, folders and globs stands for, each with the name that its outputs get."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePath

from tumorlens.errors import InputError, TumorlensError, UsageError
from tumorlens.io.formats import FORMATS
from tumorlens.io.series import grouped
from tumorlens.io.sniff import FORMATS_READ, HEAD_BYTES, sniff_format

SCAN_SUFFIXES = frozenset(suffix for one in FORMATS for suffix in one.suffixes)
_OWN_PICTURES = (".overlay.png", ".mask.png")
_WILDCARDS = "*?["


@dataclass(frozen=True)
class Found:
    """One input.

    Attributes:
        path: the file as reached from the input.
        name: path below the input with ``/`` between folders, suffix kept; what outputs are named after.
        error: why this input cannot be read, where that is known before reading it.
        files: what is read in its place: the files of a DICOM series, or one out of an archive.
    """

    path: Path
    name: str
    error: TumorlensError | None = None
    files: tuple[Path, ...] = ()

    @property
    def content(self) -> tuple[Path, ...]:
        """The files that are read."""
        return self.files or (self.path,)


def discover(inputs: Sequence[str | os.PathLike[str]], *, exclude: Iterable[Path] = ()) -> list[Found]:
    """Files that the inputs stand for, in the order of the inputs, and within a folder or glob sorted by name.

    A file is taken as it is. A folder is searched with all below it, and a glob (``*``, ``?``, ``[]``, ``**``) likewise
    from its first wildcard on; there a file is taken if its content is of a known format or its suffix is that of a
    scan, so that a damaged scan is reported and a text file is not. Left out there: hidden files, ``DICOMDIR``,
    ``__MACOSX``, and overlays and masks that lie beside their JSON. Links to folders are followed once, after the
    folders themselves. A path that several inputs name is listed once.

    The files of a DICOM series in a folder or glob, at any depth, are one input, named ``series-NUMBER-DIGEST`` below
    the folder that holds all of them (:mod:`tumorlens.io.series`). A file that is named itself is read as it is.

    Args:
        inputs: files, folders or globs.
        exclude: folders not to be searched, such as the one for output.

    Returns:
        What was found. Among several inputs, one that is missing or holds no scan is listed with its ``error``.

    Raises:
        InputError: the only input is missing, or holds no scan.
        UsageError: there is no input, or two files would get the same name.
    """
    if not inputs:
        raise UsageError("There is no input: name at least one file, folder or quoted glob.")
    skipped = {_real(path) for path in exclude}
    found: dict[str, Found] = {}
    for given in inputs:
        for item in _expand(Path(given), skipped):
            found.setdefault(os.path.abspath(item.path), item)  # noqa: PTH100 - resolve() would merge links
    _check_names(found.values())
    only = next(iter(found.values()))
    if len(inputs) == 1 and only.error is not None:
        raise only.error
    return list(found.values())


def _expand(given: Path, skipped: set[str]) -> list[Found]:
    text = str(given)
    if os.path.isdir(given):  # noqa: PTH112 - unlike Path.is_dir, never raises
        items = _in_folder(given, skipped)
        lack = InputError(f"The folder '{text}' holds no scan: what is read is {FORMATS_READ}.")
        return items or [Found(given, given.resolve().name or "folder", lack)]
    if os.path.lexists(given):
        return [Found(given, given.name)]
    if any(mark in text for mark in _WILDCARDS):
        return _matching(given, skipped) or [
            Found(given, text, InputError(f"No scan matches '{text}': check the pattern, and quote it for the shell."))
        ]
    return [Found(given, given.name or text, InputError(f"'{text}' does not exist: check the path."))]


def _in_folder(folder: Path, skipped: set[str]) -> list[Found]:
    items = []
    for path in _walk(folder, skipped):
        if path == folder:
            items.append(Found(path, folder.resolve().name or "folder"))
        elif _is_wanted(path):
            items.append(Found(path, path.relative_to(folder).as_posix()))
    return with_series(items, folder)


def _matching(pattern: Path, skipped: set[str]) -> list[Found]:
    """Files that match a glob, and those in folders that match, named from the folder above its first wildcard."""
    parts = pattern.parts
    first = next(index for index, part in enumerate(parts) if any(mark in part for mark in _WILDCARDS))
    base, rest = Path(*parts[:first]), parts[first:]
    wants_hidden = any(part.startswith(".") for part in rest)
    items: dict[Path, Found] = {}
    # pathlib's ** does not follow links to folders, so a loop of links cannot catch it.
    for path in sorted(base.glob(str(PurePath(*rest)))):
        below = path.relative_to(base)
        if not wants_hidden and any(_is_hidden(part) for part in below.parts):
            continue
        inside = _walk(path, skipped) if path.is_dir() else [path]
        for file in inside:
            if _is_wanted(file):
                items[file] = Found(file, file.relative_to(base).as_posix())
    return with_series(list(items.values()), base)


def with_series(items: Sequence[Found], base: Path) -> list[Found]:
    """The inputs sorted by name, with the files of each DICOM series as one of them and without DICOMDIR files.

    Args:
        items: single files below ``base``.
        base: the folder that names begin at; a series is shown as lying in the deepest one that holds all its files.
    """
    by_file = {item.content[0]: item for item in sorted(items, key=_by_name) if item.error is None}
    groups = grouped(by_file)
    gone = set(groups.directories)
    series: dict[str, Found] = {}
    for one in groups.series:
        gone.update(one.files)
        parts = [by_file[path].name.split("/")[:-1] for path in one.files]
        name = "/".join([*_shared(parts), one.name])
        series[name] = Found(base / name, name, files=one.files)
    kept = [item for item in items if item.error is not None or item.content[0] not in gone]
    return sorted([*kept, *series.values()], key=_by_name)


def _shared(paths: list[list[str]]) -> list[str]:
    """The folders that all paths begin with."""
    return [level[0] for level in takewhile(lambda level: len(set(level)) == 1, zip(*paths, strict=False))]


def _walk(folder: Path, skipped: set[str]) -> Iterator[Path]:
    """Files below a folder, and folders that may not be listed. Each real folder is entered once, links to it last."""
    seen = set(skipped)
    folders, links = [folder], list[Path]()
    while folders or links:
        current = folders.pop() if folders else links.pop(0)
        real = _real(current)
        if real in seen:
            continue
        seen.add(real)
        try:
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError:
            yield current
            continue
        for entry in entries:
            if _is_hidden(entry.name):
                continue
            if not _tells(entry.is_dir):
                yield Path(entry.path)
            else:
                (links if entry.is_symlink() else folders).append(Path(entry.path))


def _is_wanted(path: Path) -> bool:
    """Whether something found in a folder is to be read: a scan by content or by suffix, or something to report."""
    name = path.name.lower()
    if name == "dicomdir" or _is_own_picture(path):
        return False
    by_suffix = any(name.endswith(suffix) for suffix in SCAN_SUFFIXES)
    try:
        mode = path.stat().st_mode
    except OSError:
        return by_suffix or not path.suffix
    if not stat.S_ISREG(mode):
        return stat.S_ISDIR(mode)
    if by_suffix:
        return True
    try:
        with path.open("rb") as file:
            return sniff_format(file.read(HEAD_BYTES)) is not None
    except OSError:
        return not path.suffix


def _is_own_picture(path: Path) -> bool:
    return any(
        path.name.endswith(ending) and path.with_name(path.name.removesuffix(ending) + ".json").exists()
        for ending in _OWN_PICTURES
    )


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _real(path: Path) -> str:
    return os.path.realpath(path)


def _tells(question: Callable[[], bool]) -> bool:
    """The answer of a file system, and no where it cannot answer, as for a link that leads to itself."""
    try:
        return question()
    except OSError:
        return False


def _by_name(item: Found) -> tuple[str, ...]:
    return tuple(item.name.split("/"))


def _check_names(items: Iterable[Found]) -> None:
    """Raises a UsageError where two files would be written under one name, on file systems that ignore case too."""
    taken: dict[str, Path] = {}
    for item in items:
        key = item.name.casefold()
        if key in taken:
            raise UsageError(
                f"'{taken[key]}' and '{item.path}' would both be called '{item.name}': give the folder above them, "
                "or analyze them in two runs."
            )
        taken[key] = item.path
