"""``tumorlens serve``: the web page and its API, on this machine."""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorlens.cli.options import Memory, OtherClassifier, OtherSegmenter, open_analyzer
from tumorlens.errors import OutputError, UsageError
from tumorlens.notice import NOTICE

if TYPE_CHECKING:
    from tumorlens.inference import Analyzer
    from tumorlens.web import Settings

EPILOG = """\b
Examples:
  tumorlens serve --open
  tumorlens serve --store analyses.sqlite
  tumorlens serve --classifier voted --segmenter runs/u-net
  TUMORLENS_TOKEN=... tumorlens serve --host 0.0.0.0 --allowed-host scans.example.org"""

GRACE_S = 20
SWITCH_S = 0.001


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")] = 8000,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    store: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep finished analyses in this SQLite file.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="TUMORLENS_TOKEN", metavar="TOKEN", help="Secret that every request must show."),
    ] = None,
    allowed_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Host name that the server also goes by. Repeatable.")
    ] = None,
    classifier: OtherClassifier = None,
    segmenter: OtherSegmenter = None,
    jobs: Annotated[int | None, typer.Option(min=1, metavar="N", help="Worker threads.")] = None,
    queue: Annotated[int, typer.Option(min=1, metavar="N", help="Most scans that wait; further ones get 429.")] = 128,
    max_upload_mb: Annotated[int, typer.Option(min=1, max=1024, metavar="MB", help="Largest file.")] = 200,
    max_files: Annotated[int, typer.Option(min=1, metavar="N", help="Most files of one request.")] = 100,
    memory: Memory = 1.0,
    time_limit: Annotated[float, typer.Option(metavar="SECONDS", help="Longest work on one scan.")] = 120.0,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log requests: method, route, status and time.")] = False,
) -> None:
    """Serve the web page and its API until Ctrl-C, which finishes what runs and says what it drops.

    Without --store nothing is kept. A server that other machines can reach needs a token.
    """
    from tumorlens.web import Settings
    from tumorlens.web.settings import MEBIBYTE, default_jobs

    settings = Settings(
        host=host,
        allowed_hosts=tuple(allowed_host or ()),
        token=token or None,
        jobs=jobs or default_jobs(),
        queue=queue,
        max_file_bytes=max_upload_mb * MEBIBYTE,
        scan_bytes=int(memory * 2**30),
        max_files=max_files,
        store=store,
        time_limit_s=time_limit,
    )
    listener = _listen(host, port)
    try:
        _run(settings, open_analyzer(classifier, segmenter), listener, open_page, verbose)
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens at the address.

    Raises:
        UsageError: there is no such address on this machine.
        OutputError: the port is taken, or may not be used.
    """
    name = host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise UsageError(f"The host '{host}' is no address of this machine: pass 127.0.0.1, for example.") from error
    listener = socket.socket(family, kind, protocol)
    try:
        # On Windows this option would let two servers share a port.
        if hasattr(socket, "SO_REUSEPORT"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise OutputError(
            f"Port {port} of {host} cannot be used ({error.strerror}): pass another --port, or 0 for any free one."
        ) from error
    return listener


def _run(settings: Settings, analyzer: Analyzer, listener: socket.socket, open_page: bool, verbose: bool) -> None:
    import logging

    import uvicorn

    from tumorlens.web import create_app

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("tumorlens.web").setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    # The thread that answers gets its turn sooner than after the default of 5 ms.
    sys.setswitchinterval(SWITCH_S)
    app = create_app(settings, analyzer)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # paths hold ids, and a query may hold the token
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=32_768,
    )
    port = listener.getsockname()[1]
    shown = f"[{settings.host.strip('[]')}]" if ":" in settings.host else settings.host
    address = f"http://{shown}:{port}/"
    typer.echo(f"tumorlens serves {address} (Ctrl-C stops it). {NOTICE}")
    typer.echo(f"Finished analyses are kept in {settings.store}." if settings.store else "Nothing is kept on the disk.")
    if open_page:
        _open_soon(address if settings.token is None else f"{address}?token={settings.token}")
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
    typer.echo("Stopped.")


def _open_soon(address: str) -> None:
    """Open the page in the browser; connections wait in the socket until the server takes them."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
