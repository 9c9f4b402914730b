"""Every endpoint, and every way in which it can say no."""

from __future__ import annotations

import csv
import gzip
import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import nibabel
import numpy as np
import pytest
from scan_files import SECRET, dicom_bytes, dicom_dataset

from tumorlens.inference.document import json_schema
from tumorlens.inference.table import COLUMNS
from tumorlens.io import encode_png

UNKNOWN = "A" * 22


def picture(content: bytes) -> np.ndarray:
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    return decoded


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == status
    assert {"type", "title", "detail", "instance"} <= found.keys()
    return found


def brightened(scan: np.ndarray, first: int) -> bytes:
    changed = scan.copy()
    changed[0, 0] = first
    return encode_png(changed)


class TestAnalyzing:
    def test_a_scan_is_answered_with_the_document_of_the_package(self, client: Any, png: bytes) -> None:
        answer = client.upload(("kopf.png", png), spacing="0.5,0.25")
        assert answer.status_code == 202
        first = answer.json()["analyses"][0]
        assert first["status"] in ("queued", "running", "done")
        item = client.wait(first["id"])
        document = item["analysis"]
        jsonschema.validate(document, json_schema())
        assert (item["name"], document["source"]["path"]) == ("kopf.png", "kopf.png")
        assert document["label"] == "glioma"
        (region,) = document["regions"]
        assert (region["area_px"], region["area_mm2"], region["width_px"], region["height_px"]) == (48, 6.0, 8, 6)
        assert document["spacing_source"] == "user"
        assert client.get(item["links"]["json"]).json() == document

    def test_the_models_that_ship_answer_a_phantom(self, tmp_path: Path) -> None:
        from starlette.testclient import TestClient

        from tumorlens.web import Settings, create_app

        with TestClient(create_app(Settings(jobs=1)), base_url="http://127.0.0.1:8000") as real:
            item = real.post("/api/v1/examples/phantom-meningioma").json()["analyses"][0]
            until = time.monotonic() + 60
            while item["status"] in ("queued", "running") and time.monotonic() < until:
                item = real.get(item["links"]["self"]).json()
                time.sleep(0.02)
            assert item["status"] == "done", item["error"]
            jsonschema.validate(item["analysis"], json_schema())
            assert abs(sum(item["analysis"]["probabilities"].values()) - 1) < 1e-4
            tasks = [one["manifest"]["task"] for one in real.get("/api/v1/models").json()["models"]]
            assert tasks in (["gate", "reading", "segmentation"], ["gate", "classification", "segmentation"])

    def test_many_files_are_queued_and_polled_at_once(self, client: Any, png: bytes, healthy_png: bytes) -> None:
        files = [(f"{number}.png", png if number % 2 else healthy_png) for number in range(30)]
        ids = [one["id"] for one in client.upload(*files).json()["analyses"]]
        for one in ids:
            client.wait(one)
        found = client.get("/api/v1/analyses", params={"ids": ",".join([*ids, UNKNOWN])}).json()
        assert [one["name"] for one in found["analyses"]] == [name for name, _ in files]
        assert [one["analysis"]["label"] for one in found["analyses"]] == ["no_tumor", "glioma"] * 15

    def test_scans_are_answered_in_batches(self, client: Any, analyzer: Any, png: bytes) -> None:
        analyzer.gate.clear()
        client.upload(*[("x.png", png)] * 20)
        analyzer.gate.set()
        for one in client.upload(("y.png", png)).json()["analyses"]:
            client.wait(one["id"])
        assert max(analyzer.batches) > 1
        assert max(analyzer.batches) <= 8

    def test_good_files_are_taken_and_bad_ones_named(self, client: Any, png: bytes) -> None:
        answer = client.upload(("a.png", png), ("evil.svg", b"<svg onload='x'/>"), ("b.png", b""))
        assert answer.status_code == 202
        assert [one["name"] for one in answer.json()["analyses"]] == ["a.png"]
        rejected = {one["name"]: one["problem"] for one in answer.json()["rejected"]}
        assert {name: one["status"] for name, one in rejected.items()} == {"evil.svg": 415, "b.png": 422}

    def test_an_archive_is_its_scans(self, client: Any, png: bytes) -> None:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as file:
            file.writestr("p/1.png", png)
            file.writestr("p/2.png", png)
            file.writestr("p/notes.txt", "text")
        assert [one["name"] for one in client.upload(("s.zip", stream.getvalue())).json()["analyses"]] == [
            "p/1.png",
            "p/2.png",
        ]

    def test_a_hostile_archive_is_a_problem(self, client: Any, png: bytes, leftovers: Any) -> None:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as file:
            file.writestr("../../evil.png", png)
        assert "leads out of it" in problem(client.upload(("s.zip", stream.getvalue())), 415)["detail"]
        assert leftovers() == []

    def test_a_scan_that_cannot_be_read_fails_with_the_reason(self, client: Any, png: bytes) -> None:
        item = client.wait(client.upload(("cut.png", png[:-20])).json()["analyses"][0]["id"])
        assert item["status"] == "failed"
        assert "truncated" in item["error"]["detail"]
        assert item["error"]["instance"] == item["links"]["self"]
        problem(client.get(f"/api/v1/analyses/{item['id']}/overlay.png"), 409)

    def test_a_picture_bomb_fails_before_it_is_decoded(self, client: Any) -> None:
        from scan_files import raw_png

        item = client.wait(client.upload(("b.png", raw_png(20_000, 20_000, 8, 0, b"\0"))).json()["analyses"][0]["id"])
        assert item["error"]["status"] == 413

    def test_one_scan_does_not_spoil_its_batch(
        self, client: Any, analyzer: Any, scan: np.ndarray, png: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        analyzer.gate.clear()
        first = client.upload(("first.png", png)).json()["analyses"]
        rest = client.upload(("a.png", png), ("b.png", brightened(scan, 7)), ("c.png", brightened(scan, 8)))
        analyzer.gate.set()
        ids = [one["id"] for one in first + rest.json()["analyses"]]
        assert [client.wait(one)["status"] for one in ids] == ["done", "done", "failed", "failed"]
        assert client.item(ids[2])["error"]["status"] == 500
        assert client.item(ids[3])["error"]["detail"] == "This scan is refused: send another."
        shown = caplog.text + json.dumps(client.item(ids[2]))
        assert "RuntimeError" in caplog.text
        assert "Doe^Jane" not in shown

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"spacing": "1"}, "ROW,COL"),
            ({"spacing": "0,1"}, "above 0"),
            ({"spacing": "nan,1"}, "two numbers"),
            ({"spacing": "1e999,1"}, "two numbers"),
            ({"spacing": "1,1001"}, "at most 1000 mm"),
            ({"slice": "-1"}, "whole number"),
            ({"slice": "\u0663"}, "whole number"),
            ({"keep_name": "maybe"}, "true or false"),
            ({"unknown": "1"}, "not known"),
        ],
    )
    def test_fields_that_are_refused(
        self, client: Any, png: bytes, leftovers: Any, fields: dict[str, str], words: str
    ) -> None:
        assert words in problem(client.upload(("a.png", png), **fields), 422)["detail"]
        assert leftovers() == []

    def test_a_name_is_not_kept_where_it_is_not_wanted(self, client: Any, png: bytes) -> None:
        item = client.done(("Jane Doe.png", png), keep_name="false")
        assert "Doe" not in json.dumps(item)
        assert item["analysis"]["source"]["path"] is None
        assert "Doe" not in client.get(item["links"]["overlay"]).headers["content-disposition"]
        answer = client.upload(("Jane Doe.png", b"no"), keep_name="false")
        assert "Doe" not in answer.text

    def test_no_patient_reaches_json_page_or_log(
        self, client: Any, scan: np.ndarray, caplog: pytest.LogCaptureFixture
    ) -> None:
        data = dicom_bytes(dicom_dataset(scan.astype(np.uint16), PixelSpacing=[0.5, 0.5]))
        item = client.done(("x.dcm", data))
        assert item["analysis"]["spacing_source"] == "dicom"
        shown = json.dumps(item) + client.get(item["links"]["report"]).text + caplog.text
        # Not "4711" or "Doe" alone: an id of the service is random and may hold so few letters.
        assert not any(one in shown for one in (SECRET, "ID-4711"))

    def test_an_empty_form_and_other_bodies_are_problems(self, client: Any) -> None:
        problem(client.post("/api/v1/analyses", content=b"{}", headers={"content-type": "application/json"}), 415)
        head = {"content-type": "multipart/form-data; boundary=x"}
        problem(client.post("/api/v1/analyses", content=b"--x--\r\n", headers=head), 422)
        problem(client.post("/api/v1/analyses", content=b"nonsense", headers=head), 400)


class TestLimits:
    def test_a_full_queue_says_when_to_come_back(
        self, serve: Callable[..., Any], analyzer: Any, png: bytes, leftovers: Any
    ) -> None:
        client = serve(queue=2)
        analyzer.gate.clear()
        first = client.upload(("0.png", png)).json()["analyses"][0]
        while client.item(first["id"])["status"] == "queued":
            time.sleep(0.005)
        answer = client.upload(*[(f"{number}.png", png) for number in range(4)])
        assert answer.status_code == 202
        assert [one["problem"]["status"] for one in answer.json()["rejected"]] == [429, 429]
        assert [one["position"] for one in answer.json()["analyses"]] == [1, 2]
        full = client.upload(("5.png", png))
        problem(full, 429)
        assert int(full.headers["retry-after"]) >= 1
        problem(client.post("/api/v1/examples/phantom-glioma"), 429)
        assert client.get("/healthz").text == "ok\n"
        analyzer.gate.set()
        for one in answer.json()["analyses"]:
            assert client.wait(one["id"])["status"] == "done"
        assert leftovers() == []

    def test_sizes_and_counts(self, serve: Callable[..., Any], png: bytes, leftovers: Any) -> None:
        client = serve(max_file_bytes=5000, max_files=2)
        assert len(png) < 5000
        answer = client.upload(("ok.png", png), ("big.png", png + bytes(5000)))
        assert [one["problem"]["status"] for one in answer.json()["rejected"]] == [413]
        problem(client.upload(("big.png", png + bytes(5000))), 413)
        problem(client.upload(*[("a.png", png)] * 3), 413)
        problem(client.upload(("huge.png", bytes(2_000_000))), 413)
        client.wait(answer.json()["analyses"][0]["id"])
        assert leftovers() == []

    def test_a_slow_scan_fails(self, serve: Callable[..., Any], analyzer: Any, png: bytes) -> None:
        client = serve(time_limit_s=0.2)
        analyzer.gate.clear()
        item = client.wait(client.upload(("a.png", png)).json()["analyses"][0]["id"])
        assert item["error"]["status"] == 504
        assert client.get("/readyz").status_code == 503
        analyzer.gate.set()
        while client.get("/readyz").status_code != 200:
            time.sleep(0.01)

    def test_results_are_forgotten_in_the_end(self, serve: Callable[..., Any], png: bytes) -> None:
        client = serve(results=2)
        ids = [client.done((f"{number}.png", png))["id"] for number in range(3)]
        problem(client.get(f"/api/v1/analyses/{ids[0]}"), 404)
        assert client.item(ids[2])["status"] == "done"


class TestFiles:
    def test_pixels_carry_the_values_of_the_scan(self, client: Any, scan: np.ndarray) -> None:
        deep = scan.astype(np.uint16) * 17 + 3
        item = client.done(("deep.png", encode_png(deep)))
        answer = client.get(item["links"]["pixels"])
        shape = int(answer.headers["x-rows"]), int(answer.headers["x-cols"])
        stored = np.frombuffer(answer.content, "<u2").reshape(shape).astype(float)
        low, high = float(answer.headers["x-min"]), float(answer.headers["x-max"])
        assert np.abs(low + stored * (high - low) / 65_535 - deep).max() < 0.05

    def test_pictures_have_the_size_of_the_scan(self, client: Any, png: bytes, scan: np.ndarray) -> None:
        links = client.done(("a.png", png))["links"]
        image, activation, mask = (picture(client.get(links[one]).content) for one in ("image", "activation", "mask"))
        assert image.shape == activation.shape == mask.shape == scan.shape
        assert image.dtype == np.uint8
        assert np.array_equal(mask == 255, scan > 200)
        overlay = picture(client.get(links["overlay"]).content)
        assert overlay.shape == (*scan.shape, 3)
        assert (overlay[10, 20] == (0, 255, 0)).all()

    def test_no_tumor_means_no_mask(self, client: Any, healthy_png: bytes) -> None:
        item = client.done(("a.png", healthy_png))
        assert item["analysis"]["mask"] is None
        assert item["links"]["mask"] is None
        problem(client.get(f"/api/v1/analyses/{item['id']}/mask.png"), 404)
        assert client.get(item["links"]["overlay"]).status_code == 200
        assert "No tumor detected" in client.get(item["links"]["report"]).text

    def test_a_volume_gives_its_mask_back_in_its_own_space(self, client: Any, scan: np.ndarray) -> None:
        volume = np.zeros((50, 40, 7), np.uint8)  # x runs to the right, y to the front, z up
        volume[..., 2] = scan[::-1].T
        volume[..., 4] = np.minimum(scan, 100).T
        affine = np.array([[-0.5, 0, 0, 12], [0, 0.75, 0, -9], [0, 0, 2.0, 5], [0, 0, 0, 1]])
        image = nibabel.Nifti1Image(volume, affine)
        image.header.set_xyzt_units("mm")
        data = gzip.compress(image.to_bytes())
        item = client.done(("v.nii.gz", data), slice="2")
        assert item["volume"] == {"slices": 7, "slice": 2}
        assert item["analysis"]["spacing_mm"] == [0.75, 0.5]
        answer = client.get(item["links"]["nifti"])
        assert answer.headers["content-type"] == "application/gzip"
        back = nibabel.Nifti1Image.from_bytes(gzip.decompress(answer.content))
        values = np.asarray(back.dataobj)
        inside = np.argwhere(values > 0)
        world = nibabel.affines.apply_affine(back.affine, inside)
        truth = nibabel.affines.apply_affine(affine, np.argwhere(volume == 250))
        order = lambda points: points[np.lexsort(points.T)]  # noqa: E731
        assert np.allclose(order(world), order(truth))
        assert values.size == volume.size
        problem(client.get(item["links"]["self"] + "/mask.nii.gz?original=maybe"), 422)

    def test_a_picture_has_no_nifti(self, client: Any, png: bytes) -> None:
        item = client.done(("a.png", png))
        assert item["links"]["nifti"] is None
        problem(client.get(f"/api/v1/analyses/{item['id']}/mask.nii.gz"), 404)

    def test_the_report_stands_alone_and_escapes_what_it_shows(self, client: Any, png: bytes) -> None:
        item = client.done(("<script>alert(1)</script>.png", png))
        answer = client.get(item["links"]["report"])
        assert "<script" not in answer.text
        assert "sandbox" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "Research use, not a medical device." in answer.text
        assert 'src="data:image/png;base64,' in answer.text
        assert "http:" not in answer.text and "https:" not in answer.text

    def test_names_cannot_forge_headers(self, client: Any, png: bytes) -> None:
        body = (
            b'--x\r\nContent-Disposition: form-data; name="files"; filename="a\\"; x=\xc3\xbc%0d%0aY: 1.png"\r\n\r\n'
            + png
            + b"\r\n--x--\r\n"
        )
        head = {"content-type": "multipart/form-data; boundary=x"}
        item = client.wait(client.post("/api/v1/analyses", content=body, headers=head).json()["analyses"][0]["id"])
        header = client.get(item["links"]["image"]).headers["content-disposition"]
        assert header.isascii()
        assert header.count('"') == 2

    def test_the_table_is_that_of_the_command_line(self, client: Any, png: bytes) -> None:
        good = client.done(("=1+1.png", png), spacing="0.5,0.5")
        bad = client.wait(client.upload(("bad.png", png[:-20])).json()["analyses"][0]["id"])
        answer = client.get("/api/v1/analyses.csv", params={"ids": f"{good['id']},{bad['id']},{UNKNOWN}"})
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert tuple(rows[0]) == COLUMNS
        assert [row["status"] for row in rows] == ["ok", "failed"]
        assert (rows[0]["path"], rows[0]["area_px"], rows[0]["area_mm2"]) == ("'=1+1.png", "48", "12.000000")
        assert "truncated" in rows[1]["error"]


class TestCorrecting:
    @pytest.fixture(params=[False, True])
    def any_client(self, serve: Callable[..., Any], tmp_path: Path, request: pytest.FixtureRequest) -> Any:
        return serve(store=tmp_path / "s.sqlite") if request.param else serve()

    def test_a_drawn_mask_is_measured_and_recorded(self, any_client: Any, png: bytes, scan: np.ndarray) -> None:
        client = any_client
        item = client.done(("a.png", png), spacing="0.5,0.5")
        drawn = np.zeros(scan.shape, np.uint8)
        drawn[10:16, 20:24] = 255
        url = item["links"]["self"] + "/mask"
        headers = {"content-type": "image/png", "x-author": "Dr.%20M%C3%BCller/1", "x-action": "brush"}
        answer = client.put(url, content=encode_png(drawn), headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["regions"][0]["area_mm2"] == 6.0
        (edit,) = answer.json()["edits"]
        assert (edit["author"], edit["action"], edit["pixels"]) == ("Dr. Müller/1", "brush", 24)
        client.put(url, content=encode_png(np.zeros_like(drawn)), headers={"content-type": "image/png"})
        found = client.item(item["id"])
        assert found["corrected"]["regions"] == []
        assert [one["pixels"] for one in found["corrected"]["edits"]] == [24, 24]
        assert found["analysis"] == item["analysis"]
        assert not picture(client.get(item["links"]["mask"]).content).any()
        assert (picture(client.get(item["links"]["mask"] + "?original=true").content) == 255).sum() == 48
        report = client.get(item["links"]["report"]).text
        assert "Corrected by hand" in report and "Dr. Müller" in report
        assert client.get(item["links"]["json"]).json() == item["analysis"]
        assert client.delete(url).status_code == 204
        assert client.item(item["id"])["corrected"] is None

    def test_a_mask_may_be_drawn_where_there_was_none(self, any_client: Any, healthy_png: bytes, scan: Any) -> None:
        item = any_client.done(("a.png", healthy_png))
        rgba = np.zeros((*scan.shape, 4), np.uint8)
        rgba[5:9, 5:9, :3], rgba[..., 3] = 255, 255
        canvas = cv2.imencode(".png", rgba)[1].tobytes()
        answer = any_client.put(item["links"]["self"] + "/mask", content=canvas)
        assert answer.json()["regions"][0]["area_px"] == 16
        assert any_client.item(item["id"])["links"]["mask"] is not None

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            (lambda mask: b"no picture", 415),
            (lambda mask: encode_png(mask)[:-30], 422),
            (lambda mask: encode_png(mask[:-1]), 422),
            (lambda mask: encode_png(mask // 2), 422),
            (lambda mask: encode_png(mask.astype(np.uint16)), 422),
            (lambda mask: encode_png(np.dstack([mask, mask, mask * 0])), 422),
            (lambda mask: bytes(40 * 2**20), 413),
        ],
    )
    def test_other_masks_are_refused(
        self, client: Any, png: bytes, scan: np.ndarray, change: Callable[[np.ndarray], bytes], status: int
    ) -> None:
        item = client.done(("a.png", png))
        mask = np.where(scan > 200, 255, 0).astype(np.uint8)
        problem(client.put(item["links"]["self"] + "/mask", content=change(mask)), status)
        assert client.item(item["id"])["corrected"] is None

    def test_nothing_unfinished_or_unknown_is_corrected(self, client: Any, analyzer: Any, png: bytes) -> None:
        analyzer.gate.clear()
        item = client.upload(("a.png", png)).json()["analyses"][0]
        problem(client.put(item["links"]["self"] + "/mask", content=png), 409)
        problem(client.delete(item["links"]["self"] + "/mask"), 409)
        problem(client.put(f"/api/v1/analyses/{UNKNOWN}/mask", content=png), 404)


class TestForgetting:
    def test_a_finished_scan_is_forgotten(self, client: Any, png: bytes) -> None:
        item = client.done(("a.png", png))
        assert client.delete(item["links"]["self"]).status_code == 204
        problem(client.get(item["links"]["self"]), 404)
        problem(client.delete(item["links"]["self"]), 404)
        problem(client.get(f"/api/v1/analyses/{item['id']}/image.png"), 404)

    def test_running_and_waiting_scans_are_cancelled(
        self, client: Any, analyzer: Any, png: bytes, leftovers: Any
    ) -> None:
        analyzer.gate.clear()
        running = client.upload(("a.png", png)).json()["analyses"][0]
        while client.item(running["id"])["status"] != "running":
            time.sleep(0.005)
        waiting = client.upload(("b.png", png)).json()["analyses"][0]
        assert client.delete(waiting["links"]["self"]).status_code == 204
        assert client.delete(running["links"]["self"]).status_code == 204
        assert leftovers() == []
        analyzer.gate.set()
        client.done(("c.png", png))
        for one in (running, waiting):
            problem(client.get(one["links"]["self"]), 404)


class TestStoring:
    def test_nothing_is_stored_unless_asked(self, client: Any, png: bytes, leftovers: Any, tmp_path: Path) -> None:
        item = client.done(("a.png", png))
        assert not item["stored"]
        problem(client.patch(item["links"]["self"], json={"note": "x"}), 409)
        assert client.get("/api/v1/analyses").json() == {"analyses": [], "total": 0}
        assert leftovers() == []
        assert [path.name for path in tmp_path.iterdir()] == ["scratch"]

    def test_a_second_server_has_what_the_first_stored(
        self, serve: Callable[..., Any], tmp_path: Path, png: bytes
    ) -> None:
        path = tmp_path / "s.sqlite"
        first = serve(store=path)
        item = first.done(("kopf.png", png))
        noted = first.patch(item["links"]["self"], json={"note": "see again"})
        assert (noted.status_code, noted.json()["note"]) == (200, "see again")
        second = serve(store=path)
        found = second.get("/api/v1/analyses", params={"q": "AGAIN"}).json()
        assert found["total"] == 1
        again = found["analyses"][0]
        assert (again["name"], again["stored"], again["analysis"]) == ("kopf.png", True, item["analysis"])
        assert second.get(again["links"]["overlay"]).content == first.get(item["links"]["overlay"]).content
        assert "see again" in second.get(again["links"]["report"]).text
        assert second.get("/api/v1/analyses", params={"q": "nothing"}).json()["total"] == 0
        assert second.delete(again["links"]["self"]).status_code == 204
        problem(first.get(item["links"]["self"]), 404)

    def test_memory_lets_go_of_what_is_stored(self, serve: Callable[..., Any], tmp_path: Path, png: bytes) -> None:
        client = serve(store=tmp_path / "s.sqlite", results=1)
        ids = [client.done((f"{number}.png", png))["id"] for number in range(3)]
        assert all(client.item(one)["status"] == "done" for one in ids)
        assert "tumorlens_results 0" in client.get("/metrics").text

    def test_notes_have_a_limit_and_a_kind(self, serve: Callable[..., Any], tmp_path: Path, png: bytes) -> None:
        client = serve(store=tmp_path / "s.sqlite")
        url = client.done(("a.png", png))["links"]["self"]
        problem(client.patch(url, json={"note": "x" * 4001}), 422)
        problem(client.patch(url, json={"other": "x"}), 422)
        problem(client.patch(url, content=b"no json", headers={"content-type": "application/json"}), 422)


class TestService:
    def test_examples_are_at_hand(self, client: Any) -> None:
        found = client.get("/api/v1/examples").json()["examples"]
        assert [one["label"] for one in found] == ["glioma", "meningioma", "pituitary", "no_tumor"]
        for one in found:
            assert picture(client.get(one["thumbnail"]).content).ndim == 2
        item = client.post(f"/api/v1/examples/{found[0]['name']}").json()["analyses"][0]
        assert client.wait(item["id"])["analysis"]["spacing_source"] == "user"
        problem(client.post("/api/v1/examples/phantom-nobody"), 404)
        problem(client.get("/api/v1/examples/phantom-nobody.png"), 404)

    def test_limits_models_and_health(self, client: Any) -> None:
        limits = client.get("/api/v1/limits").json()
        assert limits["max_file_bytes"] == 200 * 2**20
        assert (limits["store"], limits["auth"]) == (False, False)
        assert limits["notice"] == "Research use, not a medical device."
        assert [one["manifest"]["task"] for one in client.get("/api/v1/models").json()["models"]] == [
            "classification",
            "segmentation",
        ]
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200

    def test_metrics_count_what_happened(self, client: Any, png: bytes) -> None:
        client.done(("a.png", png))
        client.upload(("b.txt", b"text"))
        text = client.get("/metrics").text
        assert 'tumorlens_analyses_total{status="done"} 1' in text
        assert 'tumorlens_uploads_refused_total{kind="unsupported"} 1' in text
        assert 'route="/api/v1/analyses/{id}"' in text
        assert "tumorlens_queue_length 0" in text

    def test_the_page_is_served_with_a_tag(self, client: Any) -> None:
        first = client.get("/")
        assert first.headers["content-type"] == "text/html; charset=utf-8"
        again = client.get("/", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert "favicon.svg" in first.text
        icon = client.get("/static/favicon.svg")
        assert icon.headers["content-type"] == "image/svg+xml"

    @pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/nothing"])
    def test_other_paths_lead_nowhere(self, client: Any, path: str) -> None:
        problem(client.get(path), 404)

    def test_other_methods_and_identifiers_are_problems(self, client: Any) -> None:
        assert "allow" in client.put("/api/v1/limits").headers
        problem(client.put("/api/v1/limits"), 405)
        problem(client.get("/api/v1/analyses/short"), 422)
        problem(client.get("/api/v1/analyses", params={"ids": "a b"}), 422)
        problem(client.get("/api/v1/analyses", params={"limit": "0"}), 422)
        ids = ",".join(f"{number:022d}" for number in range(257))
        problem(client.get("/api/v1/analyses", params={"ids": ids}), 422)
