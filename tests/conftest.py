"""What all tests share: real data or an honest skip, and no skip for any other reason in CI."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]
RUNTIME_ONLY = "not extra_train and not extra_eval"
ALLOWED_SKIPS = ("data absent:", "no GPU:", "no Docker:")
FAST = (
    "augmentation/",
    "cli/test_no_all_clear",
    "cli/test_recipes_bare",
    "cli/test_schema",
    "cli/test_summary",
    "cli/test_text",
    "datasets/test_catalogue",
    "datasets/test_folders",
    "datasets/test_slice_tables",
    "datasets/test_splits",
    "audit/test_sources",
    "evaluation/test_calibration",
    "evaluation/test_classification",
    "evaluation/test_detection",
    "evaluation/test_intervals",
    "inference/test_areas",
    "inference/test_classifier",
    "inference/test_document",
    "inference/test_manifest",
    "inference/test_reader",
    "inference/test_segmenter",
    "inference/test_volume_reading",
    "io/test_dicom",
    "io/test_nifti",
    "io/test_overlay",
    "io/test_sniff",
    "measurement/test_components",
    "measurement/test_regions",
    "models/test_packaged_weights",
    "models/test_registry",
    "preprocessing/",
    "test_labels",
    "test_scan",
    "training/reader/test_draws",
    "training/reader/test_reader_losses",
    "training/reader/test_rules",
    "training/test_losses",
    "training/test_recipe_files",
    "web/test_archives",
    "web/test_forms",
    "web/test_names",
    "web/test_settings",
)
"""Paths below ``tests/``, or their beginnings."""

_MARKED_WHOLE = re.compile(rb"^pytestmark\s*=[^#\n]*\bextra_(train|eval)\b", re.MULTILINE)
_skips: list[tuple[str, str]] = []

hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


def datasets_folder() -> Path | None:
    """Folder of the real MRI collections: ``TUMORLENS_DATASETS``, or ``../shared/datasets`` beside the checkout."""
    named = os.environ.get("TUMORLENS_DATASETS")
    folder = Path(named) if named else ROOT.parent / "shared" / "datasets"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """``real_data("nickparvar-224")`` is that collection's folder; the test is skipped where it is absent."""

    def find(name: str) -> Path:
        folder = datasets_folder()
        if folder is None or not (folder / name).is_dir():
            pytest.skip(f"data absent: no {name} in TUMORLENS_DATASETS or ../shared/datasets")
        return folder / name

    return find


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what ``pytest -m fast`` runs: files of every room that take seconds; none trains or opens a page."""
    for item in items:
        if item.path.relative_to(ROOT / "tests").as_posix().startswith(FAST):
            item.add_marker("fast")


def pytest_configure(config: pytest.Config) -> None:
    """Hear Ctrl-C: a shell that starts a job in the background has it ignored, and children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files that are marked with an extra as a whole, for importing them would already need it."""
    if config.option.markexpr != RUNTIME_ONLY or collection_path.suffix != ".py":
        return None
    return True if _MARKED_WHOLE.search(collection_path.read_bytes()) else None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note_skip(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note_skip(report)


def _note_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skips.append((report.nodeid, reason.removeprefix("Skipped: ")))


def _refused_skips() -> list[tuple[str, str]]:
    return [(node, reason) for node, reason in _skips if not reason.startswith(ALLOWED_SKIPS)]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if os.environ.get("CI") and exitstatus == pytest.ExitCode.OK and _refused_skips():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts = {name: len(terminalreporter.stats.get(name, [])) for name in ("passed", "failed", "error")}
    refused = _refused_skips()
    allowed = len(_skips) - len(refused)
    terminalreporter.write_line(
        f"tests: {counts['passed']} passed, {counts['failed']} failed, {counts['error']} errors, {len(_skips)} skipped"
        f" ({allowed} for absent data, GPU or Docker; {len(refused)} for another reason)"
    )
    if refused and os.environ.get("CI"):
        terminalreporter.write_line("CI fails on these skips:", red=True)
        for node, reason in refused:
            terminalreporter.write_line(f"  {node}: {reason}", red=True)
