import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tumorlens.datasets.http import DownloadError, RemoteFile, fetch, fetch_json
from tumorlens.errors import OutputError

CONTENT = bytes(range(256)) * 5000
SHA256, MD5 = hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves one content, and keeps what was asked; the fields say how it misbehaves."""

    content = CONTENT
    ranges = True
    tag = '"one"'
    cut_after: int | None = None
    status: int | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if self.server.status is not None:
            self.send_error(self.server.status)
            return
        content, start = self.server.content, 0
        if wanted and self.server.ranges and self.headers.get("If-Range") == self.server.tag:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("ETag", self.server.tag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cut = self.server.cut_after
        self.wfile.write(content[start:] if cut is None else content[start : start + cut])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def remote(server: Server, **fields: object) -> RemoteFile:
    return RemoteFile(server.url, "file.bin", **fields)  # type: ignore[arg-type]


def test_file_is_fetched_whole_and_not_again(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    file = remote(server, size=len(CONTENT), md5=MD5, sha256=SHA256)
    for _ in range(2):
        path = fetch(file, tmp_path, lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT and list(tmp_path.iterdir()) == [path]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert server.asked == [None]


def test_cut_connection_is_taken_up_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.cut_after = 500_000
    assert fetch(remote(server, sha256=SHA256), tmp_path, pause=0).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=500000-", "bytes=1000000-"]


def test_later_call_goes_on(server: Server, tmp_path: Path) -> None:
    server.cut_after = 500_000

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(remote(server), tmp_path, stop)
    assert 0 < (tmp_path / "file.bin.part").stat().st_size <= 500_000
    server.cut_after = None
    assert fetch(remote(server, sha256=SHA256), tmp_path).read_bytes() == CONTENT
    assert server.asked[1] is not None


def test_server_without_ranges_starts_from_zero(server: Server, tmp_path: Path) -> None:
    server.ranges, server.cut_after = False, 900_000

    def heal(done: int, total: int | None) -> None:
        if len(server.asked) > 1:
            return
        server.cut_after = None

    server.cut_after = 900_000
    assert fetch(remote(server, sha256=SHA256), tmp_path, heal, pause=0).read_bytes() == CONTENT
    assert server.asked[0] is None and len(server.asked) == 2


def test_file_that_has_changed_meanwhile_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    server.cut_after = 500_000
    with pytest.raises(KeyboardInterrupt):
        fetch(remote(server), tmp_path, lambda done, total: (_ for _ in ()).throw(KeyboardInterrupt()))
    server.cut_after, server.tag, server.content = None, '"two"', CONTENT[::-1]
    assert fetch(remote(server), tmp_path).read_bytes() == CONTENT[::-1]


def test_part_longer_than_the_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT + b"more")
    (tmp_path / "file.bin.part.json").write_text(f'{{"url": "{server.url}", "mark": "\\"one\\""}}')
    assert fetch(remote(server, sha256=SHA256), tmp_path).read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_part_of_another_address_is_not_gone_on_from(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(b"x" * 1000)
    (tmp_path / "file.bin.part.json").write_text('{"url": "http://elsewhere/file.bin", "mark": "\\"one\\""}')
    assert fetch(remote(server, sha256=SHA256), tmp_path).read_bytes() == CONTENT
    assert server.asked == [None]


@pytest.mark.parametrize("stated", [{"md5": "0" * 32}, {"sha256": "0" * 64}, {"size": 12}])
def test_wrong_checksum_or_size_is_refused_and_removed(
    server: Server, tmp_path: Path, stated: dict[str, object]
) -> None:
    with pytest.raises(
        DownloadError, match=r"file\.bin from http://127\.0\.0\.1/file\.bin has .* instead of .*removed"
    ):
        fetch(remote(server, **stated), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [403, 404, 500])
def test_refusal_names_the_status_and_is_not_repeated(server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(DownloadError, match=rf"answers {status} \("):
        fetch(remote(server), tmp_path)
    assert len(server.asked) == 1


def test_connection_that_never_brings_a_byte_ends(server: Server, tmp_path: Path) -> None:
    server.cut_after = 0
    with pytest.raises(DownloadError, match="breaks again and again: run the same command later"):
        fetch(remote(server), tmp_path, pause=0)
    assert len(server.asked) == 5


def test_closed_port_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"^127\.0\.0\.1 cannot be reached from this machine\.$"):
        fetch(RemoteFile("http://127.0.0.1:9/x", "x"), tmp_path)


def test_other_schemes_and_keys_in_addresses_stay_unseen(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"file://None/etc/passwd is no http"):
        fetch(RemoteFile("file:///etc/passwd", "x"), tmp_path)
    with pytest.raises(DownloadError) as caught:
        fetch(RemoteFile("ftp://user:secret@host/x?token=secret", "x"), tmp_path)
    assert "secret" not in str(caught.value)


def test_larger_than_the_limit_is_not_fetched(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="larger than the limit"):
        fetch(remote(server), tmp_path, max_bytes=1000)


def test_folder_that_cannot_be_written_is_one_sentence(server: Server, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        fetch(remote(server), tmp_path / "none")


def test_json_that_is_none_is_refused(server: Server) -> None:
    with pytest.raises(DownloadError, match="that is no JSON"):
        fetch_json(server.url)
