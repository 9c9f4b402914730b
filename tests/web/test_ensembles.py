"""``tumorlens serve --classifier`` with an ensemble, asked in process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from made_models import toward, write_classifier
from starlette.testclient import TestClient
from typer.testing import CliRunner

from tumorlens.cli.main import app
from tumorlens.inference import Analyzer
from tumorlens.inference.ensemble_folder import Part, ensemble_manifest, write_ensemble
from tumorlens.inference.manifest import Manifest, Rule, read_manifest
from tumorlens.inference.shipped import DEFAULT_SEGMENTER, weights_folder
from tumorlens.io import encode_png
from tumorlens.phantoms import demo_phantoms
from tumorlens.request import AnalysisRequest

pytestmark = pytest.mark.extra_train

YES_NO = ("tumor", "no_tumor")
ADDRESS = "http://127.0.0.1:8000"
Ask = Callable[[TestClient], None]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Calls ``tumorlens serve`` with options; its server asks itself what the test wants to know, and stops."""

    def call(ask: Ask, *options: object) -> Any:
        class Server:
            def __init__(self, config: uvicorn.Config) -> None:
                self.app = config.app

            def run(self, sockets: object) -> None:
                with TestClient(self.app, base_url=ADDRESS) as client:
                    ask(client)

        monkeypatch.setattr(uvicorn, "Server", Server)
        result = CliRunner().invoke(app, ["serve", "--port", "0", "--jobs", "1", *map(str, options)])
        if isinstance(result.exception, AssertionError):
            raise result.exception
        return result

    yield call


def made_ensemble(folder: Path, rule: Rule, classes: tuple[str, ...] | None = None) -> Manifest:
    """A run's folder with two tiny classifiers joined."""
    first, second = classes[::-1] if classes else ("glioma", "no_tumor")
    order = {"classes": classes} if classes else {}
    parts = [Part(name, folder / name) for name in ("plain", "mapped")]
    write_classifier(parts[0].folder, toward(first, second, **order, strength=2), name="plain", **order)
    write_classifier(parts[1].folder, toward(second, first, **order), name="mapped", maps=True, **order)
    manifest = ensemble_manifest(parts, rule, read_manifest(parts[0].folder).training)
    write_ensemble(folder / "export", parts, manifest)
    return manifest


def finished(client: TestClient, png: bytes) -> dict[str, Any]:
    item = client.post("/api/v1/analyses", files=[("files", ("head.png", png))], data={"gate": "off"})
    assert item.status_code == 202, item.text
    found = item.json()["analyses"][0]
    for _ in range(6000):
        if found["status"] not in ("queued", "running"):
            break
        found = client.get(found["links"]["self"]).json()
    assert found["status"] == "done", found["error"]
    return found


@pytest.mark.parametrize(
    ("rule", "classes"),
    [
        (Rule(name="weighted", weights=(0.25, 0.75)), None),
        (Rule(name="majority", tie="highest_mean_probability"), YES_NO),
    ],
)
def test_an_ensemble_serves_and_is_described(
    run: Callable[..., Any], tmp_path: Path, rule: Rule, classes: tuple[str, ...] | None
) -> None:
    manifest = made_ensemble(tmp_path / "voted", rule, classes)
    pixels = np.rint(demo_phantoms()[1].pixels).clip(0, 255).astype(np.uint8)
    expected = Analyzer(tmp_path / "voted" / "export", threads=1).analyze(pixels, AnalysisRequest(gate=False))
    asked: list[str] = []

    def ask(client: TestClient) -> None:
        document = finished(client, encode_png(pixels))
        found = document["analysis"]
        assert found["label"] == expected.label
        assert found["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)
        assert list(found["probabilities"]) == list(manifest.classes)
        assert manifest.id in [one["id"] for one in found["models"]]
        report = client.get(document["links"]["report"])
        assert report.status_code == 200 and manifest.id in report.text
        (described,) = [
            one for one in client.get("/api/v1/models").json()["models"] if one["manifest"]["task"] == "classification"
        ]
        assert described["id"] == manifest.id
        assert [one["name"] for one in described["manifest"]["members"]] == ["plain", "mapped"]
        assert described["manifest"]["rule"] == rule.model_dump(mode="json")
        assert described["manifest"]["classes"] == list(manifest.classes)
        asked.append(manifest.id)

    result = run(ask, "--classifier", tmp_path / "voted")
    assert result.exit_code == 0, result.output
    assert asked == [manifest.id]


def test_another_segmenter_serves(run: Callable[..., Any], tmp_path: Path) -> None:
    shipped = weights_folder() / DEFAULT_SEGMENTER
    other = tmp_path / "other"
    other.mkdir()
    (other / "model.onnx").symlink_to(shipped / "model.onnx")
    renamed = read_manifest(shipped).model_copy(update={"name": "other-segmenter"})
    (other / "manifest.json").write_text(renamed.model_dump_json())
    seen: list[str] = []

    def ask(client: TestClient) -> None:
        seen.extend(one["manifest"]["name"] for one in client.get("/api/v1/models").json()["models"])

    assert run(ask, "--segmenter", other).exit_code == 0
    assert seen[-1] == "other-segmenter"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--classifier", "nowhere"), "no model that ships"),
        (("--classifier", "segmenter-small"), "one for classification is needed"),
        (("--segmenter", "classifier-small"), "one for segmentation is needed"),
    ],
)
def test_a_wrong_model_is_one_sentence(run: Callable[..., Any], options: tuple[str, ...], words: str) -> None:
    def ask(client: TestClient) -> None:
        raise AssertionError("it must not serve")

    result = run(ask, *options)
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert words in line
