"""What stands before every route: host check, token, cross-site check, and the headers of every answer."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import time
import traceback
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tumorlens.web.metrics import Metrics
from tumorlens.web.problems import ProblemError, response
from tumorlens.web.settings import Settings

COOKIE = "tumorlens_token"
CSRF_HEADER = "x-tumorlens"
PAGE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": PAGE_CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
OPEN_PATHS = ("/", "/healthz", "/readyz", "/api/v1/limits")
"""Answered without a token: what probes a service has none, and the page must be there to ask for one."""
OPEN_FOLDER = "/static/"

DRAIN_BYTES, DRAIN_S = 16 * 2**20, 5.0
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
_HOST = re.compile(r"^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?$")
_log = logging.getLogger("tumorlens.web")
_access = logging.getLogger("tumorlens.web.access")


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics
        self._cookie = None if settings.token is None else _cookie_value(settings.token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        started = time.perf_counter()
        try:
            refusal = self._refusal(scope)
            if refusal is None:
                await self.app(scope, receive, exchange.send)
            else:
                await drain(scope, receive)
                await refusal(scope, receive, exchange.send)
        except Exception as error:  # nothing that fails may leave without the headers, or with a message inside
            places = "".join(traceback.format_tb(error.__traceback__))
            _log.error("A request failed unforeseen with %s:\n%s", type(error).__name__, places)
            if exchange.status == 0:
                unforeseen = ProblemError("internal", "The server failed unforeseen: try again, and report it.")
                await response(unforeseen.problem)(scope, receive, exchange.send)
        finally:
            self._observe(scope, exchange.status, time.perf_counter() - started)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            by_bearer = self._check_token(scope, headers)
        except _SignedIn as done:
            return done.response
        except ProblemError as error:
            return response(error.problem, error.headers)
        if scope["method"] in _SAFE_METHODS or by_bearer:
            return None
        try:
            check_same_site(headers)
        except ProblemError as error:
            return response(error.problem, error.headers)
        return None

    def _check_host(self, headers: Headers) -> None:
        """Against DNS rebinding: a foreign name that leads to this address is not ours."""
        names = headers.getlist("host")
        found = _HOST.match(names[0].lower()) if len(names) == 1 else None
        if found is None or found[1].rstrip(".") not in self.settings.host_names:
            raise ProblemError(
                "wrong-host",
                "The server does not go by this host name: use the address that it printed, or start it with "
                "--allowed-host NAME.",
            )

    def _check_token(self, scope: Scope, headers: Headers) -> bool:
        """Whether the request carries the token as a bearer, and not as a cookie; fails where it carries none."""
        token = self.settings.token
        if token is None or self._cookie is None:
            return False
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), token):
            return True
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and scope["method"] == "GET" and asked and _same(asked, token):
            raise _SignedIn(self._signed_in(scope, headers))
        is_open = scope["path"] in OPEN_PATHS or scope["path"].startswith(OPEN_FOLDER)
        if (is_open and not asked) or _same(_cookie_of(headers), self._cookie):
            return False
        raise ProblemError(
            "no-token",
            "This server wants its token: open /?token=TOKEN once, or send the header 'Authorization: Bearer TOKEN'.",
            {"WWW-Authenticate": 'Bearer realm="tumorlens"'},
        )

    def _signed_in(self, scope: Scope, headers: Headers) -> Response:
        answer = RedirectResponse("/", 303)
        secure = scope.get("scheme") == "https" or headers.get("x-forwarded-proto") == "https"
        answer.set_cookie(COOKIE, self._cookie or "", httponly=True, samesite="strict", path="/", secure=secure)
        return answer

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("route")
        # The template of the path, since a path itself holds ids, and a query may hold a token or a name.
        path = getattr(route, "path", None) or "other"
        self.metrics.count(
            "tumorlens_http_requests_total", method=_known_method(scope["method"]), route=path, status=str(status)
        )
        self.metrics.time("tumorlens_http_request_seconds", seconds)
        _access.info("%s %s %d %.1f ms", _known_method(scope["method"]), path, status, seconds * 1000)


class _SignedIn(Exception):  # noqa: N818 - no error
    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.response = answer


class _Exchange:
    """Sends an answer with the headers that every answer has, and remembers its status."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send, self.status = send, 0
        self._is_static = scope["path"] == "/" or scope["path"].startswith("/static/")

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if not self._is_static:
                headers.setdefault("Cache-Control", "no-store")
        await self._send(message)


def check_same_site(headers: Headers) -> None:
    """Sees to it that a request that changes something was not sent by a page of another site.

    Browsers state who sends (``Origin``, ``Sec-Fetch-Site``); programs such as curl state nothing, and no page can
    make a browser state nothing. The header ``X-Tumorlens``, which no plain form can set, is a second lock: a page of
    another site that sets it is first asked for permission, which nobody gives here.

    Raises:
        ProblemError: it was.
    """
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    odd = site is not None and site not in ("same-origin", "none")
    # Browsers too old to send either still send a Referer.
    sender = headers.get("referer")
    unsure = origin is None and site is None and sender is not None and CSRF_HEADER not in headers
    unsure = unsure and urlsplit(sender or "").netloc.lower() != headers.get("host", "").lower()
    if foreign or odd or unsure:
        raise ProblemError("cross-site", "A page of another site sent this request: use the server's own page.")


async def drain(scope: Scope, receive: Receive) -> None:
    """Read what is left of a refused request's body, within bounds, so that the client gets to read the answer."""
    read, until = 0, time.monotonic() + DRAIN_S
    if scope["method"] in _SAFE_METHODS:
        return
    while read < DRAIN_BYTES and time.monotonic() < until:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        read += len(message.get("body", b""))


def _cookie_value(token: str) -> str:
    return hmac.new(token.encode(), b"tumorlens session cookie", hashlib.sha256).hexdigest()


def _cookie_of(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())


def _known_method(method: str) -> str:
    return method if method in (*_SAFE_METHODS, "POST", "PUT", "PATCH", "DELETE") else "OTHER"
