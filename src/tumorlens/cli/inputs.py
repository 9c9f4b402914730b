"""What ``analyze`` is given: files, folders, globs and ZIP archives, and which of them this run takes."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tumorlens.errors import InputError, TumorlensError, UsageError
from tumorlens.io import Found, discover
from tumorlens.io.discover import with_series
from tumorlens.io.limits import MAX_FILE_BYTES

if TYPE_CHECKING:
    from tumorlens.web.scratch import Scratch

MAX_MEMBERS = 20_000
MAX_ARCHIVE_BYTES = 4 * 2**30
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True)
class Part:
    """Which inputs of all this run takes.

    Attributes:
        limit: how many at most; ``None`` for all.
        shard: ``(i, n)``: every n-th input, beginning with the i-th, from 1.
    """

    limit: int | None = None
    shard: tuple[int, int] | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is left for another run."""
        return self.limit is None and self.shard is None

    @property
    def summary_file(self) -> str:
        """Name of the table of this run, which must not replace that of another shard."""
        from tumorlens.cli import summary

        if self.shard is None:
            return summary.SUMMARY_FILE
        return summary.SUMMARY_FILE.replace(".csv", f"-{self.shard[0]}-of-{self.shard[1]}.csv")

    def of(self, scans: list[Found]) -> list[Found]:
        """The inputs that are taken of all, which are sorted by name first.

        Raises:
            UsageError: there is none.
        """
        if self.is_all:
            return scans
        chosen = sorted(scans, key=lambda one: tuple(one.name.split("/")))
        if self.shard is not None:
            first, step = self.shard
            chosen = chosen[first - 1 :: step]
        chosen = chosen[: self.limit]
        if not chosen:
            raise UsageError(f"There are {len(scans)} inputs, and none of them is in this shard: ask for fewer shards.")
        return chosen

    def sentence(self, taken: int, total: int) -> str:
        """What this run takes, in words."""
        options = [] if self.shard is None else [f"--shard {self.shard[0]}/{self.shard[1]}"]
        options += [] if self.limit is None else [f"--limit {self.limit}"]
        return f"{taken:,} of {total:,} inputs, sorted by name ({', '.join(options)})."


def parse_shard(text: str) -> tuple[int, int]:
    """``"2/4"`` as ``(2, 4)``.

    Raises:
        UsageError: it is not two such numbers.
    """
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(f"--shard is '{text}': pass i/n, the i-th of n parts, such as 2/4.")
    return int(found[1]), int(found[2])


def inputs_of(inputs: list[str], out: Path | None, stack: ExitStack) -> list[Found]:
    """The inputs of a batch, those that are known to fail included.

    A ZIP archive that is named itself is unpacked to a private folder, which ``stack`` removes; its series and other
    scans are named below the archive's own name.

    Raises:
        UsageError: two of them would get the same name.
    """
    # The folder for output is not searched for scans, but where it is what the user names as input.
    given = [Path(one).resolve() for one in inputs]
    exclude = [out] if out is not None and out.resolve() not in given else []
    try:
        found = discover(inputs, exclude=exclude)
    except InputError as error:
        return [Found(Path(inputs[0]), Path(inputs[0]).name or "input", error)]
    scratch: list[Scratch] = []
    return [one for item in found for one in (_unpacked(item, scratch, stack) if _is_zip(item) else [item])]


def _is_zip(item: Found) -> bool:
    if item.error is not None or item.files or not item.path.is_file():
        return False
    try:
        with item.path.open("rb") as file:
            return file.read(4) in _ZIP
    except OSError:
        return False


def _unpacked(item: Found, scratches: list[Scratch], stack: ExitStack) -> list[Found]:
    from tumorlens.web.archives import ArchiveLimits, Unpacker
    from tumorlens.web.problems import ProblemError
    from tumorlens.web.scratch import Scratch

    if not scratches:
        scratches.append(Scratch())
        stack.callback(scratches[0].close)
    unpacker = Unpacker(item.path, scratches[0], ArchiveLimits(MAX_MEMBERS, MAX_FILE_BYTES, MAX_ARCHIVE_BYTES))
    try:
        unpacker.run()
    except (ProblemError, TumorlensError) as error:
        return [Found(item.path, item.name, InputError(str(error)))]
    except OSError as error:
        reason = error.strerror or "an input or output error"
        return [Found(item.path, item.name, InputError(f"This ZIP archive cannot be unpacked ({reason})."))]
    items: dict[str, Found] = {}
    for one in unpacker.members:
        name = _free(f"{item.name}/{one.name}", items)
        items[name.casefold()] = Found(item.path.parent / name, name, files=(one.path,))
    for shown, problem in unpacker.refused:
        name = _free(f"{item.name}/{shown}", items)
        items[name.casefold()] = Found(item.path.parent / name, name, InputError(problem.detail))
    lack = InputError("This ZIP archive holds no scan: put PNG, DICOM or NIfTI files into it.")
    return with_series(list(items.values()), item.path.parent) or [Found(item.path, item.name, lack)]


def _free(name: str, taken: dict[str, Found]) -> str:
    """A name that no other member has, on file systems that ignore case too."""
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        free = f"{name}~{number}"
    return free
