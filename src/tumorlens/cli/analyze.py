"""``tumorlens analyze``: what scans show, as a table, as JSON, and as files."""

from __future__ import annotations

import json as json_module
from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorlens.cli.options import OtherClassifier, OtherSegmenter, open_analyzer
from tumorlens.cli.text import for_stdout
from tumorlens.errors import TumorlensError, UsageError
from tumorlens.io.request import ANY, ReadRequest
from tumorlens.request import AnalysisRequest
from tumorlens.scan import parse_spacing

if TYPE_CHECKING:
    from tumorlens.cli.batch import Outcome
    from tumorlens.cli.inputs import Part
    from tumorlens.cli.outputs import Names
    from tumorlens.cli.summary import Value
    from tumorlens.io import Found

EPILOG = """\b
Examples:
  tumorlens analyze scan.dcm
  tumorlens analyze scans/ --out results
  tumorlens analyze dicom.zip --out results
  tumorlens analyze scans/ --out results --shard 1/4
  tumorlens analyze "scans/**/*.png" --spacing 0.49,0.49 --out results
  tumorlens analyze brain.nii.gz --out results
  tumorlens analyze brain.nii.gz --slice 80 --json

\b
Files in --out, NAME being the path below the input with its suffix:
  NAME.json          the answer (tumorlens schema; docs/json.md)
  NAME.overlay.png   the slice with the tumor outlined in green; of a volume
                     the largest slice of each lesion
  NAME.mask.png      the tumor in white; none for no tumor
  summary.csv        one row per scan, where there are several;
                     summary-1-of-4.csv for --shard 1/4
Of a volume, instead of NAME.mask.png:
  NAME.mask.nii.gz   the tumor, on the grid of the file itself
  NAME.lesions.csv   measurements of each lesion
  NAME.montage.png   slices, outlined
  NAME.planes.png    three planes through the largest lesion
  NAME.html          a page that scrolls through the slices, offline

\b
In a folder, glob or ZIP archive the DICOM files of one series are one scan, called
series-NUMBER-DIGEST below the folder that holds them; a file that is named itself
is read as it is. Files of a series that cannot be read are listed, and the rest
is read.

\b
A scan is skipped if its outputs answer the same question: same content of the
file, models, --spacing, --slice, --no-gate and version. Any other file that is in
the way makes the scan fail, unless --overwrite is given.

\b
What does not look like a slice of a brain MRI is refused: it gets no class and no
outline, its document says why, and --no-gate reads it all the same.

\b
Exit code: 0 all read or refused, 1 some failed, 2 wrong usage, 130 interrupted,
143 terminated; what is written then is whole, and the same call goes on."""


def analyze(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT", help="Files, folders, ZIP archives or quoted globs.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the outputs; without it nothing is written.")
    ] = None,
    spacing: Annotated[
        str | None, typer.Option(metavar="ROW,COL", help="Pixel spacing in mm, where the file states none or errs.")
    ] = None,
    slice: Annotated[
        int | None, typer.Option(metavar="K", min=0, help="One slice of a volume, from 0; the whole volume by default.")
    ] = None,
    volume: Annotated[
        int | None,
        typer.Option(
            metavar="K", min=0, help="Volume of several (echoes, time points), from 0; outputs are NAME.volume-K."
        ),
    ] = None,
    memory: Annotated[
        float, typer.Option(metavar="GIB", min=0.000001, help="Memory that the voxels of one scan may take.")
    ] = 1.0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document per line, and nothing else.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Analyze again, and replace existing outputs.")
    ] = False,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Replace paths by digests, in names of outputs too.")
    ] = False,
    no_gate: Annotated[
        bool, typer.Option("--no-gate", help="Read also what does not look like a brain MRI, with a warning.")
    ] = False,
    classifier: OtherClassifier = None,
    segmenter: OtherSegmenter = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Take the first N inputs, sorted by name.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Take every N-th input, sorted by name, from the I-th on.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Scans at a time; the number of processors by default.")
    ] = None,
) -> None:
    """Say what brain MRI scans show: class, outline, measurements.

    Reads PNG, JPEG, BMP, TIFF, DICOM, NIfTI, NRRD, MetaImage, MGZ and figshare .mat files, known by content, whole
    volumes too. Lengths are in millimeters only where the file carries a spacing or --spacing states one.
    """
    from tumorlens.cli.group import terminable
    from tumorlens.cli.inputs import Part, parse_shard
    from tumorlens.cli.outputs import Names

    names = Names(anonymous, out)
    spacing_mm = None if spacing is None else parse_spacing(spacing)
    part = Part(limit, None if shard is None else parse_shard(shard))
    try:
        with terminable(), ExitStack() as stack:
            run = _Run(names, overwrite, json, AnalysisRequest(spacing_mm, slice, not no_gate), classifier, segmenter)
            run.reading = ReadRequest(volume, int(memory * 2**30))
            scans = _taken(_found(inputs, names, stack), part)
            run.summary_file = part.summary_file
            if volume is not None:  # the answers about two volumes of a file lie beside each other
                scans = [replace(one, name=f"{one.name}.volume-{volume}") for one in scans]
            code = run(scans, jobs)
    except TumorlensError as error:
        raise type(error)(names.redacted(str(error))) from error
    if code:
        raise typer.Exit(code)


def _found(inputs: list[str], names: Names, stack: ExitStack) -> list[Found]:
    """The scans to analyze, those that are known to fail included.

    Raises:
        UsageError: two scans would get the same name.
    """
    from tumorlens.cli.inputs import inputs_of

    try:
        return inputs_of(inputs, names.out, stack)
    except UsageError:
        if not names.anonymous:
            raise
        raise UsageError(
            "Two inputs would get the same name: give the folder above them, or analyze them in two runs."
        ) from None


def _taken(scans: list[Found], part: Part) -> list[Found]:
    """Those that this run takes, which a line on stderr says where it is not all."""
    chosen = part.of(scans)
    if part.is_all:
        return chosen
    typer.echo(f"Taking {part.sentence(len(chosen), len(scans))}", err=True)
    return chosen


class _Run:
    """One call of the command, its options checked."""

    def __init__(
        self,
        names: Names,
        overwrite: bool,
        json: bool,
        asked: AnalysisRequest,
        classifier: Path | None,
        segmenter: Path | None,
    ) -> None:
        self.names, self.overwrite, self.json = names, overwrite, json
        self.classifier, self.segmenter = classifier, segmenter
        self.asked = asked
        self.finished: list[str] = []
        self.reading = ANY
        self.summary_file = "summary.csv"
        self.left_out: list[Outcome] = []

    def __call__(self, scans: list[Found], jobs: int | None) -> int:
        """Analyze the scans, write and print; returns the exit code."""
        from tumorlens.cli import report
        from tumorlens.cli.summary import summary_row

        self._prepare_folder(scans)
        rows: list[dict[str, Value]] = []
        last: Outcome | None = None
        try:
            with report.progress(len(scans), quiet=self.json) as step, closing(self._outcomes(scans, jobs)) as outcomes:
                for last in outcomes:
                    if self.json:
                        typer.echo(for_stdout(_line(last)))
                    rows.append(summary_row(last.path, last.status, last.document, last.sentence))
                    if last.left_out:
                        self.left_out.append(last)
                    step(last.status)
        except KeyboardInterrupt as stop:
            raise type(stop)(self._interrupted(len(scans))) from None
        report.print_left_out(self.left_out)
        if last is not None and len(scans) == 1:
            return self._report_one(last)
        report.print_failures(rows)
        if not self.json:
            report.print_table(rows, self.names.out)
        self._write_summary(rows)
        return int(any(row["status"] == "failed" for row in rows))

    def _prepare_folder(self, scans: list[Found]) -> None:
        """Find out before the work whether its results can be kept."""
        from tumorlens.cli.outputs import make_folder
        from tumorlens.cli.summary import check_summary

        out = self.names.out
        if out is None or all(scan.error is not None for scan in scans):
            return
        make_folder(out)
        if len(scans) > 1 and not self.overwrite:
            check_summary(out / self.summary_file, [self.names.path(scan) for scan in scans])

    def _outcomes(self, scans: list[Found], jobs: int | None) -> Generator[Outcome, None, None]:
        import cv2

        from tumorlens.cli.batch import Worker, in_order, processors
        from tumorlens.cli.outputs import Request

        cv2.setNumThreads(1)  # the scans themselves are spread over the processors
        analyzer = open_analyzer(self.classifier, self.segmenter)
        request = Request(self.asked, analyzer.manifests)
        worker = Worker(analyzer, request, self.names, self.overwrite, self.reading)

        def counted(scan: Found) -> Outcome:
            outcome = worker(scan)
            self.finished.append(outcome.path)
            return outcome

        yield from in_order(counted, scans, min(jobs or processors(), len(scans)))

    def _write_summary(self, rows: list[dict[str, Value]]) -> None:
        from tumorlens.cli.summary import summary_csv
        from tumorlens.io import write_atomic

        out = self.names.out
        if out is not None and len(rows) > 1 and out.is_dir():
            write_atomic(out / self.summary_file, summary_csv(rows))

    def _interrupted(self, total: int) -> str:
        out = self.names.out
        kept = "nothing was to be written" if out is None else f"files in '{out}' are whole and the same call goes on"
        return self.names.redacted(f"{len(self.finished):,} of {total:,} scans are done, {kept}.")

    def _report_one(self, outcome: Outcome) -> int:
        from tumorlens.cli import report
        from tumorlens.cli.group import EXIT_FAILED, EXIT_USAGE, print_line

        if outcome.error is not None:
            sentence = str(outcome.error)
            print_line("Error", sentence if f"'{outcome.path}" in sentence else f"{outcome.path}: {sentence}")
            return EXIT_USAGE if isinstance(outcome.error, UsageError) else EXIT_FAILED
        if not self.json:
            report.print_answer(outcome, self.names.out)
        return 0


def _line(outcome: Outcome) -> str:
    """The document of a scan, or three fields that say why there is none."""
    if outcome.document is not None:
        return outcome.document.model_dump_json()
    failure = {"path": outcome.path, "status": outcome.status, "error": outcome.sentence}
    return json_module.dumps(failure, ensure_ascii=False)
