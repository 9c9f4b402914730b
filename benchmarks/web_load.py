"""Load and soak test of ``tumorlens serve``, on loopback alone.

Starts a server on a free port, sends phantoms to it from several clients, and prints how long answers took, how fast
``/healthz`` stayed, and how much memory the server used. Ends with code 1 where a figure misses its target.

    python benchmarks/web_load.py            # 200 requests at 8 clients
    python benchmarks/web_load.py --soak     # 2,000 requests, and how memory grew
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from tumorlens.inference import Analyzer
from tumorlens.io import encode_png
from tumorlens.labels import CLASSES
from tumorlens.phantoms import PhantomSpec, make_phantom
from tumorlens.scan import Scan

COMMAND = "from tumorlens.cli.main import main; main()"
HEAD = b'--b\r\nContent-Disposition: form-data; name="files"; filename="phantom.png"\r\n\r\n'
HEALTH_SHARE = 0.2
MEMORY_GROWTH = 0.10
DROP_TO_PICTURE = 3.0
PROBE_EVERY_S = 0.02
SOAK_REQUESTS = 2000
WARM_UP_SHARE = 5


@dataclass
class Load:
    """What was seen."""

    times: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    retries: int = 0


class Client:
    """One connection that is kept open."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple:
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def analyze(self, png: bytes, load: Load) -> float:
        """Seconds from sending a scan to having its overlay."""
        started = time.perf_counter()
        body = HEAD + png + b"\r\n--b--\r\n"
        head = {"Content-Type": "multipart/form-data; boundary=b", "X-Tumorlens": "1"}
        while True:
            status, headers, content = self.ask("POST", "/api/v1/analyses", body, head)
            if status != 429:
                break
            load.retries += 1
            time.sleep(min(1.0, float(headers["Retry-After"])))
        if status != 202:
            raise RuntimeError(f"POST {status}: {content[:200]!r}")
        path, wait = json.loads(content)["analyses"][0]["links"]["self"], 0.005
        while True:
            item = json.loads(self.ask("GET", path)[2])
            if item["status"] not in ("queued", "running"):
                break
            time.sleep(wait)
            wait = min(wait * 1.3, 0.1)
        if item["status"] != "done":
            raise RuntimeError(str(item["error"]))
        status, _, picture = self.ask("GET", item["links"]["overlay"])
        if status != 200 or not picture.startswith(b"\x89PNG"):
            raise RuntimeError(f"overlay {status}")
        return time.perf_counter() - started


def phantoms() -> list[bytes]:
    """Twelve different phantoms as PNG files."""
    made = [make_phantom(PhantomSpec(CLASSES[seed % 4], seed=seed)) for seed in range(12)]
    return [encode_png(np.clip(np.rint(one.pixels), 0, 255).astype(np.uint8)) for one in made]


def one_at_a_time(port: int, files: list[bytes]) -> tuple[float, float]:
    """Median seconds of one scan in this process and from an idle server, in turn, so that both meet the same load."""
    import cv2

    analyzer, client, unused = Analyzer(threads=1), Client(port), Load()
    inside, served = [], []
    for one in files[:3] + files * 2:
        started = time.perf_counter()
        pixels = cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_UNCHANGED)
        encode_png(analyzer.analyze(Scan(pixels.astype(np.float32))).overlay())
        inside.append(time.perf_counter() - started)
        served.append(client.analyze(one, unused))
    return statistics.median(inside[3:]), statistics.median(served[3:])


def run(port: int, files: list[bytes], requests: int, clients: int, pid: int) -> Load:
    """Send the requests, while another thread asks for the server's health."""
    load, over = Load(), threading.Event()

    def probe() -> None:
        client = Client(port)
        while not over.is_set():
            started = time.perf_counter()
            status, _, _ = client.ask("GET", "/healthz")
            load.health.append(time.perf_counter() - started)
            if status != 200:
                load.errors.append(f"/healthz {status}")
            time.sleep(PROBE_EVERY_S)

    local = threading.local()

    def one(number: int) -> None:
        if not hasattr(local, "client"):
            local.client = Client(port)
        try:
            load.times.append(local.client.analyze(files[number % len(files)], load))
        except (RuntimeError, OSError, http.client.HTTPException) as error:
            load.errors.append(f"{type(error).__name__}: {error}")
            local.client = Client(port)
        if number % 20 == 0:
            load.memory.append(resident(pid))

    watcher = threading.Thread(target=probe)
    watcher.start()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(one, range(requests)))
    over.set()
    watcher.join()
    load.memory.append(resident(pid))
    return load


def resident(pid: int) -> int:
    """Bytes of memory of a process."""
    import psutil

    return int(psutil.Process(pid).memory_info().rss)


def percentile(values: list[float], share: float) -> float:
    return float(np.percentile(values, share)) if values else float("nan")


def report(load: Load, alone_s: float, single_s: float, wall_s: float) -> list[str]:
    """Print what was seen; the targets that were missed."""
    health = percentile(load.health, 95)
    head = load.memory[len(load.memory) // WARM_UP_SHARE]
    growth = load.memory[-1] / head - 1
    print(f"scans answered        {len(load.times)}, errors {len(load.errors)}, told to come back {load.retries}")
    print(f"throughput            {len(load.times) / wall_s:.1f} scans/s")
    middle, slow = (percentile(load.times, share) * 1e3 for share in (50, 95))
    print(f"drop to picture       p50 {middle:.0f} ms, p95 {slow:.0f} ms")
    print(f"one scan, in process  {alone_s * 1e3:.1f} ms")
    print(f"one scan, idle server {single_s * 1e3:.1f} ms to the picture: {single_s / alone_s:.1f} times (at most 3)")
    print(f"/healthz under load   p50 {percentile(load.health, 50) * 1e3:.2f} ms, p95 {health * 1e3:.2f} ms")
    print(f"  of one scan's time  {health / alone_s:.2f} (at most {HEALTH_SHARE})")
    print(f"memory                {max(load.memory) / 2**20:.0f} MB at most, {growth:+.1%} after the first fifth")
    for one in load.errors[:5]:
        print("error:", one)
    targets = {
        "no error": not load.errors,
        "/healthz p95 at most a fifth of one scan": health <= HEALTH_SHARE * alone_s,
        "drop to picture at most 3 times the in-process time": single_s <= DROP_TO_PICTURE * alone_s,
        # Before that, the memory of results that the server allows itself is still filling.
        "memory growth at most 10 %": growth <= MEMORY_GROWTH or len(load.times) < SOAK_REQUESTS,
    }
    return [name for name, met in targets.items() if not met]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--soak", action="store_true", help="2,000 requests")
    parser.add_argument("--jobs", type=int, help="worker threads of the server")
    options = parser.parse_args()
    requests = options.requests or (SOAK_REQUESTS if options.soak else 200)
    files = phantoms()
    command = [sys.executable, "-c", COMMAND, "serve", "--port", "0"]
    command += ["--jobs", str(options.jobs)] if options.jobs else []
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline().split("http://127.0.0.1:")[1].split("/")[0])
            alone_s, single_s = one_at_a_time(port, files)
            started = time.perf_counter()
            load = run(port, files, requests, options.clients, server.pid)
            wall_s = time.perf_counter() - started
        finally:
            server.terminate()
            server.wait(60)
    print(f"{requests} requests at {options.clients} clients, {os.cpu_count()} processors")
    missed = report(load, alone_s, single_s, wall_s)
    for name in missed:
        print("missed:", name)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
