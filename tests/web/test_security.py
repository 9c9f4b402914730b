from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from tumorlens.web.problems import ProblemError
from tumorlens.web.security import COOKIE, check_same_site

TOKEN = "a-long-enough-secret"
OWN = "http://127.0.0.1:8000"
WANTED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/limits", "/nothing", "/api/v1/analyses/x/image.png"])
def test_every_answer_has_the_headers(client: Any, path: str) -> None:
    answer = client.get(path)
    assert {name: answer.headers[name] for name in WANTED} == WANTED
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == ("no-cache" if path == "/" else "no-store")
    assert "access-control-allow-origin" not in answer.headers
    assert "server" not in answer.headers


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "[::1]:8000", "LOCALHOST:8000", "scans.example.org"])
def test_own_names_are_answered(serve: Callable[..., Any], host: str) -> None:
    client = serve(allowed_hosts=("scans.example.org",))
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost:8@evil", "", "a b", "localhost:x", "localhost,evil"],
)
def test_foreign_names_are_refused(client: Any, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": OWN, "sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example", "x-tumorlens": "1"},
        {"referer": "https://evil.example/page"},
    ],
)
def test_pages_of_other_sites_change_nothing(client: Any, png: bytes, headers: dict[str, str]) -> None:
    answer = client.post("/api/v1/analyses", files=[("files", ("a.png", png))], headers=headers)
    assert answer.status_code == 403
    assert client.delete(f"/api/v1/analyses/{'A' * 22}", headers=headers).status_code == 403
    assert client.get("/api/v1/limits", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": OWN, "sec-fetch-site": "same-origin"}, {"x-tumorlens": "1"}, {"referer": f"{OWN}/page"}],
)
def test_own_page_and_programs_may(client: Any, png: bytes, headers: dict[str, str]) -> None:
    answer = client.post("/api/v1/analyses", files=[("files", ("a.png", png))], headers=headers)
    assert answer.status_code == 202


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126)))
def test_no_origin_but_our_own_passes(origin: str) -> None:
    headers = Headers({"host": "127.0.0.1:8000", "origin": origin})
    try:
        check_same_site(headers)
    except ProblemError:
        return
    assert origin.lower().endswith("//127.0.0.1:8000") or "//127.0.0.1:8000" in origin.lower()


class TestToken:
    @pytest.fixture
    def locked(self, serve: Callable[..., Any]) -> Any:
        return serve(token=TOKEN)

    @pytest.mark.parametrize(
        "path", ["/metrics", "/api/v1/openapi.json", "/api/v1/analyses", "/api/v1/models", "/static/../api/v1/models"]
    )
    def test_nothing_is_told_without_it(self, locked: Any, path: str) -> None:
        answer = locked.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert TOKEN not in answer.text

    @pytest.mark.parametrize("path", ["/", "/static/favicon.svg", "/healthz", "/readyz", "/api/v1/limits"])
    def test_the_page_and_probes_need_none(self, locked: Any, path: str) -> None:
        assert locked.get(path).status_code == 200

    @pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"])
    def test_other_headers_do_not_open(self, locked: Any, header: str) -> None:
        assert locked.get("/api/v1/models", headers={"authorization": header}).status_code == 401

    def test_the_bearer_opens_and_may_write_from_anywhere(self, locked: Any, png: bytes) -> None:
        headers = {"authorization": f"bearer {TOKEN}", "origin": "https://other.example"}
        assert locked.get("/api/v1/limits", headers=headers).json()["auth"] is True
        answer = locked.post("/api/v1/analyses", files=[("files", ("a.png", png))], headers=headers)
        assert answer.status_code == 202

    def test_the_address_with_the_token_signs_in_by_cookie(self, locked: Any, png: bytes) -> None:
        assert locked.get("/", params={"token": "wrong"}).status_code == 401
        answer = locked.get("/", params={"token": TOKEN})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie
        assert TOKEN not in cookie
        assert locked.get("/api/v1/models").status_code == 200
        foreign = {"origin": "https://evil.example"}
        files = [("files", ("a.png", png))]
        assert locked.post("/api/v1/analyses", files=files, headers=foreign).status_code == 403
        assert locked.post("/api/v1/analyses", files=files, headers={"origin": OWN}).status_code == 202

    @pytest.mark.parametrize("value", ["wrong", TOKEN, '"', "a=b; c", "\udcff"])
    def test_other_cookies_do_not_open(self, locked: Any, value: str) -> None:
        raw = f"{COOKIE}={value}".encode("utf-8", "surrogateescape")
        assert locked.get("/api/v1/models", headers={"cookie": raw}).status_code == 401

    def test_neither_token_nor_names_are_logged(
        self, locked: Any, png: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        caplog.set_level("DEBUG", logger="tumorlens.web")  # the command serve, run by another test, makes it quieter
        locked.get("/", params={"token": TOKEN})
        locked.upload(("Jane Doe.png", png))
        ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("tumorlens"))
        assert "POST /api/v1/analyses 202" in ours
        assert TOKEN not in ours and "Doe" not in ours
