from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from tumorlens.errors import InputError
from tumorlens.inference import Analysis, Failure, Manifest, read_manifest
from tumorlens.inference.analysis import OVERRIDDEN, ModelReference
from tumorlens.inference.areas import area_bounds
from tumorlens.inference.manifest import AreaInterval
from tumorlens.inference.shipped import DEFAULT_CLASSIFIER, DEFAULT_SEGMENTER, shipped_model
from tumorlens.io import encode_png
from tumorlens.measurement import measure_mask
from tumorlens.request import PLAIN, AnalysisRequest
from tumorlens.scan import Scan
from tumorlens.web import Settings, create_app

BASE_URL = "http://127.0.0.1:8000"
POISON = 7.0
FOREIGN = 9.0
INTERVAL = AreaInterval(coverage=0.9, low=0.5, high=1.5, images=10, data="made")
UNFORESEEN = "Doe^Jane was in the message of an unforeseen error"


class BrightAnalyzer:
    """Stands in for the models with an answer that is known: what is bright is a glioma.

    ``gate`` holds answers back while it is clear; a scan whose first pixel is :data:`POISON` breaks the whole batch,
    and one whose first pixel is :data:`FOREIGN` is refused as no brain MRI.
    """

    reason = "The gate's probability that this is a slice of a brain MRI is 0.010, and more than 0.5 is needed."

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.batches: list[int] = []

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        return read_manifest(shipped_model(DEFAULT_CLASSIFIER)), read_manifest(shipped_model(DEFAULT_SEGMENTER))

    def analyze_many(self, scans: Iterable[Scan], request: AnalysisRequest = PLAIN) -> Iterator[Analysis | Failure]:
        given = list(scans)
        self.batches.append(len(given))
        assert self.gate.wait(30)
        if any(scan.pixels[0, 0] == POISON for scan in given):
            raise RuntimeError(UNFORESEEN)
        yield from (self._answer(scan, request.gate) for scan in given)

    def _answer(self, scan: Scan, gate: bool) -> Analysis | Failure:
        if scan.pixels[0, 0] == POISON + 1:
            return Failure("one", InputError("This scan is refused: send another."))
        foreign = scan.pixels[0, 0] == FOREIGN
        if foreign and gate:
            return Analysis(
                scan,
                None,
                {},
                None,
                (),
                None,
                (ModelReference("bright-gate-1", "gate", "1" * 64),),
                gate_score=0.01,
                reason=self.reason,
            )
        mask = scan.pixels > 200
        found = bool(mask.any())
        spacing = None if scan.spacing_mm is None else (scan.spacing_mm[0], scan.spacing_mm[1])
        sure = {"glioma": 0.9 if found else 0.05, "meningioma": 0.03, "pituitary": 0.02}
        return Analysis(
            scan=scan,
            label="glioma" if found else "no_tumor",
            probabilities={**sure, "no_tumor": 1 - sum(sure.values())},
            mask=mask if found else None,
            regions=measure_mask(mask, spacing) if found else (),
            activation_map=(scan.pixels / scan.pixels.max()).astype(np.float32),
            models=(ModelReference("bright-1", "classification", "0" * 64),),
            warnings=(*scan.warnings, *([OVERRIDDEN] if foreign else ())),
            gate_score=0.01 if foreign else 0.99,
            reason=self.reason if foreign else None,
            prediction_set=("glioma", "meningioma") if found else ("no_tumor",),
            coverage=0.95,
            area_interval=area_bounds(INTERVAL, measure_mask(mask, spacing) if found else ()),
        )


@pytest.fixture
def analyzer() -> BrightAnalyzer:
    return BrightAnalyzer()


class Client(TestClient):
    """A client with the few moves that every test makes."""

    def upload(self, *files: tuple[str, bytes], **fields: str) -> Any:
        return self.post("/api/v1/analyses", files=[("files", one) for one in files], data=fields)

    def item(self, id_: str) -> dict[str, Any]:
        return self.get(f"/api/v1/analyses/{id_}").json()

    def wait(self, id_: str, seconds: float = 20) -> dict[str, Any]:
        """The item, once it has ended."""
        until = time.monotonic() + seconds
        while (found := self.item(id_)).get("status") in ("queued", "running"):
            assert time.monotonic() < until, found
            time.sleep(0.005)
        return found

    def done(self, *files: tuple[str, bytes], **fields: str) -> dict[str, Any]:
        """The item of the only file, finished."""
        answer = self.upload(*files, **fields)
        assert answer.status_code == 202, answer.text
        found = self.wait(answer.json()["analyses"][0]["id"])
        assert found["status"] == "done", found["error"]
        return found


@pytest.fixture
def serve(analyzer: BrightAnalyzer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Client]]:
    """Starts servers, each given settings, whose temporary files lie in ``tmp_path / "scratch"``."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with ExitStack() as stack:

        def start(**settings: Any) -> Client:
            given = {"jobs": 1, **settings}
            app = create_app(Settings(**given), analyzer)  # type: ignore[arg-type]
            client = stack.enter_context(Client(app, base_url=BASE_URL, follow_redirects=False))
            # Called before the server is stopped, which waits for what runs.
            stack.callback(analyzer.gate.set)
            return client

        yield start


@pytest.fixture
def client(serve: Callable[..., Client]) -> Client:
    return serve()


@pytest.fixture(scope="session")
def scan() -> np.ndarray:
    """A slice uint8 ``[40, 50]`` with a bright block of 6 x 8 pixels at row 10, column 20."""
    pixels = (np.arange(2000) % 97).reshape(40, 50).astype(np.uint8)
    pixels[10:16, 20:28] = 250
    return pixels


@pytest.fixture(scope="session")
def png(scan: np.ndarray) -> bytes:
    return encode_png(scan)


@pytest.fixture(scope="session")
def healthy_png(scan: np.ndarray) -> bytes:
    return encode_png(np.minimum(scan, 120))


@pytest.fixture(scope="session")
def foreign_png(scan: np.ndarray) -> bytes:
    changed = scan.copy()
    changed[0, 0] = FOREIGN
    return encode_png(changed)


def temporary_files(folder: Path) -> list[Path]:
    """Files of uploads that lie below a folder."""
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]


@pytest.fixture
def leftovers(tmp_path: Path) -> Callable[[], list[Path]]:
    """Lists the temporary files of uploads that are left."""
    return lambda: temporary_files(tmp_path / "scratch")
