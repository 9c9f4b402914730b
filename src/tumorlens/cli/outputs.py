"""Where the outputs of a scan lie, whether those that are there already will do, and how new ones are written."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tumorlens.cli.text import well_formed
from tumorlens.errors import OutputError
from tumorlens.io import Found, atomic_writer
from tumorlens.io.discover import SCAN_SUFFIXES
from tumorlens.request import AnalysisRequest

if TYPE_CHECKING:
    from tumorlens.inference import Analysis, Manifest
    from tumorlens.inference.document import AnalysisDocument
    from tumorlens.writers import Writer

_REMEDY = "pass --overwrite to replace it, or choose another --out"


@dataclass(frozen=True)
class Names:
    """What a scan and its outputs are called.

    Attributes:
        anonymous: names and paths are replaced by the first 16 hex digits of the SHA-256 of the name, plus the suffix.
            Who knows a name can still recompute its digest: it hides names, and keeps them apart.
        out: folder of the outputs, or ``None``.
    """

    anonymous: bool
    out: Path | None

    def name(self, found: Found) -> str:
        """Path of the outputs below their folder, without their endings."""
        if not self.anonymous:
            return found.name
        digest = hashlib.sha256(found.name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return digest + _scan_suffix(found.name)

    def path(self, found: Found) -> str:
        """The path that documents, tables and messages show."""
        return self.name(found) if self.anonymous else well_formed(str(found.path))

    def redacted(self, sentence: str, found: Found | None = None) -> str:
        """A sentence without the paths that it may quote, if names are to be hidden."""
        if not self.anonymous:
            return sentence
        # Sentences quote a path, and without the quotes a short one might be part of any word.
        if found is not None:
            sentence = sentence.replace(f"'{found.path}'", f"'{self.name(found)}'")
        return sentence if self.out is None else sentence.replace(f"'{self.out}", "'OUT")

    def outputs(self, found: Found) -> Outputs | None:
        """The output files of a scan, if there is a folder for them."""
        return None if self.out is None else Outputs(self.out / PurePosixPath(self.name(found)))


def _scan_suffix(name: str) -> str:
    """The suffix, if it is one that scans have; anything else after a dot may be part of a patient's name."""
    lowered = name.lower()
    return max((suffix for suffix in SCAN_SUFFIXES if lowered.endswith(suffix)), key=len, default="")


@dataclass(frozen=True)
class Outputs:
    """The output files of one scan: ``base`` with an ending each."""

    base: Path

    @property
    def json(self) -> Path:
        """The document."""
        return self._with(".json")

    def of(self, writer: Writer) -> Path:
        """The file of one writer."""
        return self._with(writer.ending)

    def _with(self, ending: str) -> Path:
        return self.base.with_name(self.base.name + ending)

    def write(self, analysis: Analysis, document: AnalysisDocument, *, overwrite: bool) -> None:
        """Write all files of a scan, or none: the document and what :data:`tumorlens.writers.WRITERS` make of it.

        The document takes its name last and an old one loses it first, so that a document never lies beside pictures
        of another answer. Pictures without a document are left by a run that was killed: they are replaced if this
        run draws the same, byte for byte.

        Raises:
            OutputError: a file cannot be written, or is there and may not be replaced.
        """
        from tumorlens.writers import WRITERS

        files = {self.of(one): one.content(analysis) for one in WRITERS if one.belongs(document)}
        others = {self.of(one) for one in WRITERS} - files.keys()
        if not overwrite:
            for path in sorted({*files, *others}):
                if path.exists() and not _holds(path, files.get(path)):
                    raise OutputError(f"'{path}' exists and is not from this analysis: {_REMEDY}.")
        make_folder(self.base.parent)
        with ExitStack() as stack:
            # What is entered first is closed, and so named, last.
            for path, content in {self.json: document.model_dump_json().encode() + b"\n", **files}.items():
                file = stack.enter_context(atomic_writer(path))
                file.write(content)
                file.flush()
            for stale in (self.json, *others):
                stale.unlink(missing_ok=True)


def _holds(path: Path, content: bytes | None) -> bool:
    try:
        return content is not None and path.read_bytes() == content
    except OSError:
        return False


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(
            f"The folder '{folder}' cannot be made, a file of that name is in the way: choose another folder."
        ) from error
    except OSError as error:
        raise OutputError(
            f"The folder '{folder}' cannot be made ({error.strerror}): choose a folder that you may write to."
        ) from error


@dataclass(frozen=True)
class Request:
    """What an existing document must be an answer to, so that its scan need not be analyzed again.

    Attributes:
        asked: what the user asks about each scan.
        models: manifests of the gate, and of the reader or the classifier and the segmenter, as they are asked.
    """

    asked: AnalysisRequest
    models: tuple[Manifest, ...]

    def difference(self, document: AnalysisDocument, sha256: str) -> str | None:
        """In what way the document answers another question, in words, or ``None`` if it answers this one."""
        from tumorlens._version import __version__
        from tumorlens.inference.document import rounded

        by_user = document.spacing_mm if document.spacing_source == "user" else None
        wanted = None if self.asked.spacing_mm is None else tuple(rounded(list(self.asked.spacing_mm)))
        if document.source.sha256 != sha256:
            return "another content of the scan"
        stated = [(one.id, one.sha256) for one in document.models]
        if stated not in ([(one.id, one.sha256) for one in used] for used in self._used(document)):
            return "other models"
        if document.reason is not None and self.asked.gate != (document.status == "refused"):
            return "a run without --no-gate" if document.status == "refused" else "a run with --no-gate"
        if by_user != wanted:
            return "another --spacing"
        if not self._is_slice(document):
            return "another --slice"
        return None if document.tumorlens == __version__ else "another version of tumorlens"

    def _used(self, document: AnalysisDocument) -> list[list[Manifest]]:
        """The models that would have been asked for such an answer: a reader may outline alone, or leave it."""
        from tumorlens.labels import TumorClass

        if document.status == "refused":
            return [[one for one in self.models if one.task == "gate"]]
        named = [one for one in self.models if one.task != "segmentation"]
        if document.label == TumorClass.NO_TUMOR:
            return [named]
        alone = [named] if any(one.task == "reading" for one in named) else []
        return [list(self.models), *alone]

    def _is_slice(self, document: AnalysisDocument) -> bool:
        if document.slice is None:
            return self.asked.slice_index in (None, 0)
        if self.asked.slice_index is None:
            return document.volume is not None or document.slice.count == 1
        return document.volume is None and document.slice.index == self.asked.slice_index


def existing_answer(outputs: Outputs, request: Request, sha256: str) -> AnalysisDocument:
    """The document that is there, if it and its pictures are what this run would write.

    Raises:
        OutputError: they are not.
    """
    from pydantic import ValidationError

    from tumorlens.inference.document import AnalysisDocument

    try:
        document = AnalysisDocument.model_validate_json(outputs.json.read_bytes())
    except (OSError, ValidationError):
        raise OutputError(f"'{outputs.json}' exists and is no analysis of this version: {_REMEDY}.") from None
    difference = request.difference(document, sha256)
    if difference is not None:
        raise OutputError(f"'{outputs.json}' exists and is from {difference}: {_REMEDY}.")
    from tumorlens.writers import WRITERS

    for writer in WRITERS:
        picture, wanted = outputs.of(writer), writer.belongs(document)
        if picture.exists() != wanted:
            lack = "is missing beside its document" if wanted else "does not belong to its document"
            raise OutputError(f"'{picture}' {lack}: pass --overwrite to make the outputs of this scan again.")
    return document
