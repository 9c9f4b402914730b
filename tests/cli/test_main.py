from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tumorlens.cli.group import COMMANDS
from tumorlens.inference.document import AnalysisDocument

PROGRAM = [sys.executable, "-c", "from tumorlens.cli.main import main; main()"]


def _run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, *(str(one) for one in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)  # type: ignore[call-overload, no-any-return]


def test_version(call) -> None:
    result = call("--version")
    assert (result.code, result.out) == (0, "tumorlens 0.1.0\n")


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_every_command_with_examples_and_the_notice(call, flag: str) -> None:
    result = call(flag)
    assert result.code == 0
    for entry in COMMANDS:
        assert f"  {entry.name} " in result.out
        assert entry.summary in result.out
    assert "tumorlens analyze scans/ --out results" in result.out
    assert "Research use, not a medical device." in result.out
    assert "--install-completion" in result.out


@pytest.mark.parametrize("name", [entry.name for entry in COMMANDS])
def test_every_command_has_help_with_the_notice(call, name: str) -> None:
    result = call(name, "-h")
    assert (result.code, "Research use, not a medical device." in result.out) == (0, True)


def test_no_command_is_a_usage_error_that_shows_the_help(call) -> None:
    result = call()
    assert (result.code, "Commands:" in result.out + result.err) == (2, True)


def test_an_unknown_command_is_a_usage_error(call) -> None:
    result = call("analyse", "x.png")
    assert (result.code, "No such command 'analyse'" in result.err) == (2, True)


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["analyze", "--help"]])
def test_help_and_version_load_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom tumorlens.cli.main import main\n"
        f"sys.argv[1:] = {arguments!r}\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'cv2', 'onnxruntime', 'rich', 'pydicom', 'torch'} & set(sys.modules)\n"
        "print('loaded', sorted(heavy), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.strip() == "loaded []"


def test_an_unforeseen_error_is_one_line(call, monkeypatch: pytest.MonkeyPatch) -> None:
    from tumorlens.cli import schema

    def broken() -> None:
        raise RuntimeError("inner text")

    monkeypatch.setattr(schema, "schema", broken)
    with pytest.raises(RuntimeError):
        call("schema")
    monkeypatch.delenv("TUMORLENS_DEBUG")
    result = call("schema")
    assert (result.code, len(result.err.splitlines())) == (1, 1)
    assert "RuntimeError" in result.err
    assert "Traceback" not in result.err


def test_ctrl_c_in_any_command_is_one_line(call, monkeypatch: pytest.MonkeyPatch) -> None:
    from tumorlens.cli import schema

    def stopped() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(schema, "schema", stopped)
    result = call("schema")
    assert (result.code, result.err) == (130, "Interrupted: stopped before it was done.\n")


def test_an_error_has_no_color_codes_where_it_is_no_terminal(call) -> None:
    assert call("models", "nosuch").err.startswith("Error: There is no model 'nosuch'")


def test_a_reader_that_goes_away_is_no_error(save, tmp_path: Path) -> None:
    for index in range(12):
        save(f"{index}.png", index)
    command = [*PROGRAM, "analyze", str(tmp_path / "in"), "--json", "--jobs", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        json.loads(process.stdout.readline())
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ on Windows")
def test_ctrl_c_leaves_whole_files_and_a_second_call_goes_on(save, tmp_path: Path) -> None:
    total, out = 60, tmp_path / "out"
    for index in range(total):
        save(f"{index:02}.png", index)
    arguments = ("analyze", tmp_path / "in", "--out", out, "--jobs", "2")
    process = subprocess.Popen(
        [*PROGRAM, *(str(one) for one in arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that starts the tests in the background lets its children ignore the signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    )
    deadline = time.monotonic() + 60
    while len(list(out.glob("*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stdout == ""
    assert len(stderr.splitlines()) == 1
    documents = sorted(out.glob("*.json"))
    assert 3 <= len(documents) < total
    assert stderr.startswith(f"Interrupted: {len(documents)} of {total} scans are done")
    assert not [path for path in out.iterdir() if path.suffix == ".tmp"]
    assert not (out / "summary.csv").exists()
    for path in documents:
        document = AnalysisDocument.model_validate_json(path.read_bytes())
        base = path.name.removesuffix(".json")
        assert (out / f"{base}.overlay.png").exists()
        assert (out / f"{base}.mask.png").exists() == (document.mask is not None)
    assert len(list(out.glob("*.overlay.png"))) == len(documents)
    done = _run(*arguments)
    assert done.returncode == 0
    assert f"{len(documents)} skipped, {total - len(documents)} ok" in done.stdout
