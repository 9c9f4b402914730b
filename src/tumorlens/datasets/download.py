"""Published collections onto this disk: from Kaggle through kagglehub, from figshare over HTTP; whole or not at all."""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tumorlens._optional import require
from tumorlens._version import __version__
from tumorlens.datasets.catalogue import CATALOGUE, Entry, entry_of, load_collection
from tumorlens.datasets.http import DownloadError, RemoteFile, fetch, fetch_json
from tumorlens.datasets.unpack import copy_tree, unpack_zip
from tumorlens.errors import DatasetError, OutputError

SOURCE_FILE = "tumorlens-source.json"
FIGSHARE_API = "https://api.figshare.com/v2"
Say = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Part:
    """A file or version that the collection was made from, with its checksum where one is known or was computed."""

    name: str
    url: str
    sha256: str | None = None
    md5: str | None = None


def get_collection(
    name: str, folder: Path, say: Say = lambda what, done, total: None, *, api: str = FIGSHARE_API
) -> Path:
    """Download a collection into ``folder/<name>``, which appears once all of it is there and can be read.

    Downloads lie in ``folder/.<name>-download`` until then, so that the same command goes on where it was stopped.
    ``tumorlens-source.json`` records where the files come from, their checksums, the licence and whom to cite.

    Args:
        name: name in the catalogue.
        folder: the folder of collections, made if need be.
        say: called with what is being done, how much of it is done, and of how much (bytes or files).
        api: address of the figshare API.

    Returns:
        The folder of the collection.

    Raises:
        DatasetError: unknown, not to be downloaded, out of reach (names the page and where to put the files), damaged,
            or without the published layout.
        MissingExtraError: kagglehub is not installed.
        OutputError: the folder is there already, or cannot be written.
    """
    entry = entry_of(name)
    if entry.kaggle is None and entry.figshare is None:
        sources = ", ".join(one.name for one in CATALOGUE.values() if one.kaggle or one.figshare)
        raise DatasetError(f"The collection '{name}' is not published anywhere: those to get are {sources}.")
    target = folder / name
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise OutputError(f"'{target}' exists already: check it with 'tumorlens data check', or move it away.")
    downloads = folder / f".{name}-download"
    making = folder / f".{name}-{secrets.token_hex(4)}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        making.mkdir()
        parts = _fetched(entry, target, downloads, making, say, api)
        say(f"Reading {name}", 0, None)
        load_collection(name, making)
        (making / SOURCE_FILE).write_text(_source(entry, parts), encoding="utf-8")
        if target.exists():
            target.rmdir()
        making.rename(target)
    except OSError as error:
        raise OutputError(
            f"'{target}' cannot be written ({error.strerror or error}): choose another folder."
        ) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
    shutil.rmtree(downloads, ignore_errors=True)
    return target


def _fetched(entry: Entry, target: Path, downloads: Path, making: Path, say: Say, api: str) -> list[Part]:
    try:
        if entry.kaggle is not None:
            return _from_kaggle(entry.kaggle, making, say)
        return _from_figshare(entry, downloads, making, say, api)
    except DownloadError as error:
        raise DownloadError(
            f"{str(error).rstrip('.')}; to fetch '{entry.name}' by hand, download it from {entry.url} and unpack it "
            f"into {target} ({entry.layout})."
        ) from error


def _from_figshare(entry: Entry, downloads: Path, making: Path, say: Say, api: str) -> list[Part]:
    files = _figshare_files(f"{api}/articles/{entry.figshare}/files")
    downloads.mkdir(exist_ok=True)
    parts = []
    for file in files:
        path = fetch(file, downloads, lambda done, total, name=file.name: say(name, done, total))  # type: ignore[misc]
        parts.append(Part(file.name, file.url, _sha256(path), file.md5))
        if path.suffix.lower() == ".zip":
            say(f"Unpacking {file.name}", 0, None)
            unpack_zip(path, making / path.stem)
        else:
            shutil.copyfile(path, making / path.name)
    return parts


def _figshare_files(url: str) -> list[RemoteFile]:
    """Files of an article as the API lists them (``PublicFile``: name, size, download_url, computed_md5)."""
    listed = fetch_json(url)
    try:
        files = [
            RemoteFile(
                url=str(one["download_url"]),
                name=_plain(str(one["name"])),
                size=int(one["size"]),
                md5=str(one.get("computed_md5") or one.get("supplied_md5") or "") or None,
            )
            for one in listed
            if not one.get("is_link_only")
        ]
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise DownloadError("The list of files at figshare has another form than its API documents.") from error
    if not files:
        raise DownloadError("The list of files at figshare is empty.")
    return files


def _plain(name: str) -> str:
    if not name or name.startswith(".") or any(mark in name for mark in "/\\:\0"):
        raise ValueError(name)
    return name


def _from_kaggle(handle: str, making: Path, say: Say) -> list[Part]:
    kagglehub = require("kagglehub", "data")
    say(f"kagglehub: {handle}", 0, None)
    source = _cached_version(handle)
    if source is None:
        with _silent("kagglehub"):
            source = _asked(kagglehub, handle)
    if source is None:
        raise DownloadError(
            "Kaggle cannot be reached from this machine, or refuses the download without an account that kagglehub "
            "knows."
        )
    say(f"Copying {handle}", 0, None)
    copy_tree(source, making)
    return [Part(f"{handle}, version {source.name}", f"https://www.kaggle.com/datasets/{handle}", _tree_sha256(making))]


def _cached_version(handle: str) -> Path | None:
    """The newest version that kagglehub has fetched whole before, wherever its settings keep its cache."""
    cache = Path(require("kagglehub.config", "data").get_cache_folder(), "datasets", handle)
    versions = [path for path in (cache / "versions").glob("*") if path.is_dir() and path.name.isdecimal()]
    whole = [path for path in versions if (cache / f"{path.name}.complete").is_file()]
    return max(whole, key=lambda path: int(path.name), default=None)


def _asked(kagglehub: Any, handle: str) -> Path | None:
    try:
        return Path(kagglehub.dataset_download(handle))
    except Exception as error:
        # Its errors may quote requests with their keys, so that nothing of them is shown, and only their kind is kept.
        logging.getLogger(__name__).debug("kagglehub failed with %s", type(error).__name__)
        return None


@contextmanager
def _silent(package: str) -> Iterator[None]:
    logger = logging.getLogger(package)
    level, logger.disabled = logger.level, True
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.disabled = False
        logger.setLevel(level)


def _source(entry: Entry, parts: list[Part]) -> str:
    document = {
        "collection": entry.name,
        "title": entry.title,
        "page": entry.url,
        "licence": entry.licence,
        "citation": entry.citation,
        "tumorlens": __version__,
        "files": [asdict(part) for part in parts],
    }
    return json.dumps(document, indent=1) + "\n"


def _tree_sha256(folder: Path) -> str:
    """Hex SHA-256 over the names and contents of all files, for collections of which no checksum is published."""
    total = hashlib.sha256()
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        total.update(f"{path.relative_to(folder).as_posix()}\0{_sha256(path)}\n".encode())
    return total.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
