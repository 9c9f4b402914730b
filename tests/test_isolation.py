"""Analyzing a scan loads no training library, asks no network, repeats itself, and trusts no altered weights.

Each run is a fresh interpreter, as a user starts it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tumorlens.errors import WeightsError
from tumorlens.inference.manifest import MODEL_FILE
from tumorlens.inference.session import ModelSession
from tumorlens.inference.shipped import default_model, shipped_models, weights_folder
from tumorlens.io import encode_png
from tumorlens.phantoms import demo_phantoms

NOT_NEEDED = (
    "torch",
    "lightning",
    "monai",
    "timm",
    "onnx",
    "sklearn",
    "scipy",
    "skimage",
    "matplotlib",
    "pandas",
    "tensorflow",
)

COMMAND = """
import sys
from tumorlens.cli.main import main
sys.argv = ["tumorlens", *sys.argv[1:]]
main()
"""

# Ends the process at once, so that no ``except`` can hide the attempt.
NO_NETWORK = """
import os, socket, sys

def refuse(*arguments, **_):
    print("tumorlens asked for the network", arguments, file=sys.stderr, flush=True)
    os._exit(97)

def watch(event, _):
    if event.startswith(("socket.", "urllib.", "http.", "ftplib.", "smtplib.")):
        refuse(event)

for name in ("connect", "connect_ex", "bind", "sendto"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = socket.gethostbyname = socket.create_connection = refuse
sys.addaudithook(watch)
"""


def python(code: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
    )


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms")
    for phantom in demo_phantoms():
        (folder / f"{phantom.label}.png").write_bytes(encode_png(phantom.pixels.round().astype("uint8")))
    return folder


def test_analyzing_loads_no_training_library(phantoms: Path) -> None:
    code = (
        "import json, sys, tumorlens\n"
        "answers = [tumorlens.analyze(path) for path in sys.argv[1:]]\n"
        "[answer.to_json() for answer in answers], [answer.overlay() for answer in answers]\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = python(code, *sorted(phantoms.glob("*.png")))
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert {"tumorlens", "onnxruntime"} <= loaded
    assert not loaded & set(NOT_NEEDED)


def test_command_loads_no_training_library(phantoms: Path) -> None:
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr))\n"
    )
    done = python(code + COMMAND, "analyze", phantoms / "glioma.png", "--json")
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.split())
    assert "tumorlens" in loaded
    assert not loaded & set(NOT_NEEDED)


def test_importing_the_package_is_cheap() -> None:
    done = python("import sys, tumorlens; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    assert not {"cv2", "onnxruntime", "pydicom", "nibabel", "h5py", "rich", "PIL"} & set(done.stdout.split())


def test_the_guard_of_the_network_holds() -> None:
    for attempt in (
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')",
        "socket.create_connection(('127.0.0.1', 9))",
        "import _socket; _socket.getaddrinfo('localhost', 80)",
        "import _socket; _socket.socket().connect(('127.0.0.1', 9))",
    ):
        done = python(f"{NO_NETWORK}\ntry:\n    {attempt}\nexcept BaseException:\n    pass")
        assert done.returncode == 97
        assert "asked for the network" in done.stderr


def test_analyze_asks_for_no_network(phantoms: Path, tmp_path: Path) -> None:
    done = python(NO_NETWORK + COMMAND, "analyze", phantoms, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").rglob("*.png.json"))) == 4


def test_two_runs_give_the_same_bytes(phantoms: Path, tmp_path: Path) -> None:
    written = []
    for run in ("first", "second"):
        done = python(COMMAND, "analyze", phantoms, "--out", tmp_path / run)
        assert done.returncode == 0, done.stderr
        files = {path.relative_to(tmp_path / run): path for path in (tmp_path / run).rglob("*") if path.is_file()}
        written.append({name: without_timings(path) for name, path in files.items()})
    assert sum(name.suffix == ".json" for name in written[0]) == 4
    assert written[0] == written[1]


def without_timings(path: Path) -> bytes:
    if path.suffix != ".json":
        return path.read_bytes()
    document: dict[str, Any] = json.loads(path.read_bytes())
    assert set(document.pop("timings_s")) >= {"read", "gate", "measure"}
    return json.dumps(document, sort_keys=False).encode()


def test_analyze_and_analyze_many_agree_across_processes(phantoms: Path) -> None:
    one = "import sys, tumorlens\nfor path in sys.argv[1:]: print(tumorlens.analyze(path).to_json())"
    many = "import sys, tumorlens\nfor one in tumorlens.analyze_many(sys.argv[1:]): print(one.to_json())"
    paths = sorted(phantoms.glob("*.png"))
    single, batched = ([json.loads(line) for line in python(code, *paths).stdout.splitlines()] for code in (one, many))
    assert len(single) == len(batched) == 4
    for alone, among in zip(single, batched, strict=True):
        assert alone["source"] == among["source"]
        assert alone["label"] == among["label"]
        assert alone["probabilities"] == pytest.approx(among["probabilities"], abs=1e-4)


def altered_weights(folder: Path) -> Path:
    """A copy of the weights with one bit of the model that answers by default turned."""
    copy = folder / "weights"
    shutil.copytree(weights_folder(), copy)
    model = copy / default_model().name / MODEL_FILE
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    return copy


def test_shipped_weights_are_what_their_manifests_say() -> None:
    models = shipped_models()
    assert len(models) >= 2
    for folder in models:
        ModelSession(folder)
        assert (folder / MODEL_FILE).stat().st_size < 20 * 2**20


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    altered = altered_weights(tmp_path)
    model = altered / default_model().name
    with pytest.raises(WeightsError, match="sha256"):
        ModelSession(model)


def test_command_refuses_altered_weights_in_a_sentence(phantoms: Path, tmp_path: Path) -> None:
    weights = str(altered_weights(tmp_path))
    done = python(COMMAND, "analyze", phantoms / "glioma.png", TUMORLENS_WEIGHTS=weights)
    assert done.returncode != 0
    assert "sha256" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
