import hashlib
import http.server
import io
import json
import logging
import os
import sys
import threading
import types
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from tumorlens.datasets.catalogue import CATALOGUE, load_collection
from tumorlens.datasets.download import SOURCE_FILE, get_collection
from tumorlens.errors import DatasetError, MissingExtraError, OutputError

KEY = "0123456789abcdef-secret"


def mat(label: int) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=512) as file:
        group = file.create_group("cjdata")
        group["label"], group["PID"] = np.array([[float(label)]]), np.array([[ord("7")]], np.uint16)
        group["image"] = np.arange(1024, dtype=np.int16).reshape(32, 32)
        group["tumorMask"], group["tumorBorder"] = np.eye(32, dtype=np.uint8), np.array([[1.0, 2.0]])
    content = bytearray(buffer.getvalue())
    content[:128] = b"MATLAB 7.3 MAT-file, Platform: made".ljust(124) + b"\x00\x02IM"
    return bytes(content)


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)
    return buffer.getvalue()


class Figshare(http.server.ThreadingHTTPServer):
    """The one call of the figshare API that is used, and the files it lists."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {
            "brainTumorDataPublic_1-2.zip": zipped(**{"1.mat": mat(1), "2.mat": mat(2)}),
            "brainTumorDataPublic_3-3.zip": zipped(**{"3.mat": mat(3)}),
            "README.txt": b"This data set holds slices.",
        }
        self.wrong: set[str] = set()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v2"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Figshare

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[1]
        if self.path == "/v2/articles/1512427/files":
            content = json.dumps(
                [
                    {
                        "name": one,
                        "size": len(data),
                        "download_url": f"http://127.0.0.1:{self.server.server_port}/files/{one}",
                        "computed_md5": "0" * 32 if one in self.server.wrong else hashlib.md5(data).hexdigest(),
                        "is_link_only": False,
                    }
                    for one, data in self.server.files.items()
                ]
            ).encode()
        elif name in self.server.files:
            content = self.server.files[name]
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def figshare() -> Iterator[Figshare]:
    made = Figshare()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_figshare_files_become_a_collection(figshare: Figshare, tmp_path: Path) -> None:
    seen: list[str] = []
    path = get_collection("figshare", tmp_path / "data", lambda what, *_: seen.append(what), api=figshare.api)
    assert path == tmp_path / "data" / "figshare"
    assert sorted(one.name for one in path.parent.iterdir()) == ["figshare"]
    assert [str(one.label) for one in load_collection("figshare", tmp_path / "data")] == [
        "meningioma",
        "glioma",
        "pituitary",
    ]
    source = json.loads((path / SOURCE_FILE).read_text())
    assert source["licence"] == "CC-BY-4.0" and "Cheng" in source["citation"]
    archive = figshare.files["brainTumorDataPublic_1-2.zip"]
    assert source["files"][0]["sha256"] == hashlib.sha256(archive).hexdigest()
    assert source["files"][0]["md5"] == hashlib.md5(archive).hexdigest()
    assert "README.txt" in seen and "Reading figshare" in seen


def test_wrong_checksum_leaves_no_collection(figshare: Figshare, tmp_path: Path) -> None:
    figshare.wrong.add("brainTumorDataPublic_3-3.zip")
    with pytest.raises(
        DatasetError, match=r"has the md5 .*; to fetch 'figshare' by hand, download it from https://fig"
    ):
        get_collection("figshare", tmp_path, api=figshare.api)
    assert [one.name for one in tmp_path.iterdir()] == [".figshare-download"]
    figshare.wrong.clear()
    assert (get_collection("figshare", tmp_path, api=figshare.api) / SOURCE_FILE).is_file()


def test_archive_without_the_layout_leaves_no_collection(figshare: Figshare, tmp_path: Path) -> None:
    figshare.files = {"a.zip": zipped(readme=b"nothing here")}
    with pytest.raises(DatasetError, match="no numbered"):
        get_collection("figshare", tmp_path, api=figshare.api)
    assert not (tmp_path / "figshare").exists()


@pytest.mark.parametrize("name", ["../evil.zip", ".hidden", "a/b"])
def test_file_names_from_outside_stay_plain(figshare: Figshare, tmp_path: Path, name: str) -> None:
    figshare.files = {name: b"evil"}
    with pytest.raises(DatasetError, match="another form than its API documents"):
        get_collection("figshare", tmp_path, api=figshare.api)


def test_closed_network_names_the_page_and_the_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        get_collection("figshare", tmp_path / "data", api="http://127.0.0.1:9/v2")
    sentence = str(caught.value)
    assert CATALOGUE["figshare"].url in sentence and str(tmp_path / "data" / "figshare") in sentence
    assert "cannot be reached from this machine;" in sentence and "\n" not in sentence


class FakeKagglehub(types.ModuleType):
    """What is used of kagglehub; its cache lies where the real one's settings put it."""

    def __init__(self, cache: Path) -> None:
        super().__init__("kagglehub")
        self.config = types.ModuleType("kagglehub.config")
        self.config.get_cache_folder = lambda: str(cache)  # type: ignore[attr-defined]
        self.logger = logging.getLogger("kagglehub.datasets")

    def dataset_download(self, handle: str) -> str:
        message = f"401 for https://somebody:{os.environ['KAGGLE_KEY']}@www.kaggle.com/api/v1/{handle}"
        self.logger.error(message)
        raise RuntimeError(message)


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a data set in a fake kagglehub's cache, with a key in the environment."""
    fake = FakeKagglehub(tmp_path / "kagglehub")
    monkeypatch.setitem(sys.modules, "kagglehub", fake)
    monkeypatch.setitem(sys.modules, "kagglehub.config", fake.config)
    monkeypatch.setenv("KAGGLE_USERNAME", "somebody")
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    return tmp_path / "kagglehub" / "datasets" / "sartajbhuvaji" / "brain-tumor-classification-mri"


def cached(folder: Path, version: int, *, whole: bool = True) -> None:
    for label in ("glioma_tumor", "no_tumor"):
        path = folder / "versions" / str(version) / "Training" / label / f"v{version}.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"\xff\xd8")
    if whole:
        (folder / f"{version}.complete").write_text("")


def test_newest_whole_version_in_the_cache_is_taken(kaggle: Path, tmp_path: Path) -> None:
    for version, whole in ((2, True), (9, True), (10, True), (11, False)):
        cached(kaggle, version, whole=whole)
    path = get_collection("sartaj", tmp_path / "data")
    assert next(iter(load_collection("sartaj", path))).id == "Training/glioma_tumor/v10.jpg"
    source = json.loads((path / SOURCE_FILE).read_text())
    assert source["files"][0]["name"].endswith("version 10") and len(source["files"][0]["sha256"]) == 64
    assert KEY not in (path / SOURCE_FILE).read_text()


def test_no_key_is_ever_shown(
    kaggle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    with pytest.raises(DatasetError) as caught:
        get_collection("sartaj", tmp_path / "data")
    sentence = str(caught.value)
    assert CATALOGUE["sartaj"].url in sentence and str(tmp_path / "data" / "sartaj") in sentence
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in str(error)
        error = error.__cause__ or error.__context__
    captured = capfd.readouterr()
    assert KEY not in captured.out + captured.err + caplog.text
    assert not any(KEY.encode() in one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())


@pytest.mark.extra_train
def test_the_cache_of_the_real_kagglehub_has_this_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import kagglehub

    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    handle = CATALOGUE["sartaj"].kaggle
    assert handle is not None
    cached(tmp_path / "cache" / "datasets" / handle, 3)
    path = get_collection("sartaj", tmp_path / "data")
    assert (path / "Training/no_tumor/v3.jpg").is_file()
    assert (
        Path(kagglehub.dataset_download(f"{handle}/versions/3")) == tmp_path / "cache/datasets" / handle / "versions/3"
    )


def test_without_kagglehub_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(MissingExtraError, match=r"tumorlens\[data\]"):
        get_collection("lgg", tmp_path)
    assert not (tmp_path / "lgg").exists()


def test_a_collection_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "figshare").mkdir()
    (tmp_path / "figshare" / "mine.txt").write_text("keep")
    with pytest.raises(OutputError, match="exists already: check it"):
        get_collection("figshare", tmp_path)
    assert (tmp_path / "figshare" / "mine.txt").read_text() == "keep"


def test_own_folders_are_not_to_be_had(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match="not published anywhere: those to get are nickparvar, sartaj, figshare, lgg"
    ):
        get_collection("folders", tmp_path)
