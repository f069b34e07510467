"""What a call to the stub costs, beside the published mock server llmock.

    python tests/benchmarks/bench_stub.py [--rounds 15] [--calls 100]

Both servers run as processes of their own with their defaults, quiet, and get the same requests in
alternating rounds, so the comparison holds within one run. Overhead is the median time of a chat
call over a kept-alive loopback connection with a bare HTTP client; throughput is that of eight
connections that each wait for their answer. The stub computes its answers from the request and
logs it; llmock answers with fixed text. Exits with 1 if the overhead is above 3 ms or the stub's
throughput is not ahead.
"""

import argparse
import asyncio
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TARGET_MS = 3.0
CONNECTIONS = 8
MODEL = "gpt-4.1-mini"
PASSAGE = (
    "Employees may work from another country for up to {n} days in a calendar year. The manager "
    "approves the request at least two weeks before departure, and People Operations checks tax "
    "and social security. Longer stays need a written agreement and an assessment of risk."
)
RAG = "Context:\n{}\n\nQuestion: How many days may I work from another country?".format(
    "\n\n".join(f"[{n}] {PASSAGE.format(n=13 + n)}" for n in range(1, 6))
)


def chat(text: str, *, stream: bool = False) -> bytes:
    messages = [{"role": "user", "content": text}]
    return json.dumps({"model": MODEL, "messages": messages, "stream": stream}).encode()


REQUESTS = {
    "short prompt": chat("Hello!"),
    "five passages": chat(RAG),
    "five passages, streamed": chat(RAG, stream=True),
}
MAIN = "five passages"


@contextmanager
def server(*command: str) -> Iterator[int]:
    """Run a server that takes ``--port`` and yield its port once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [*command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise RuntimeError(f"{command[0]} did not start.")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def latencies(port: int, body: bytes, calls: int) -> list[float]:
    """Milliseconds of each of a number of calls, one after another."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    headers = {"content-type": "application/json", "authorization": "Bearer stub"}
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        connection.request("POST", "/v1/chat/completions", body, headers)
        response = connection.getresponse()
        response.read()
        times.append(1000 * (time.perf_counter() - start))
        if response.status != 200:
            raise RuntimeError(f"The server on port {port} answered {response.status}.")
    connection.close()
    return times


def client_latencies(port: int, calls: int) -> list[float]:
    """The same through the OpenAI client."""
    from openai import OpenAI

    client = OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="stub")
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": RAG}])
        times.append(1000 * (time.perf_counter() - start))
    client.close()
    return times


def throughput(port: int, body: bytes, calls: int) -> float:
    """Answers a second over eight connections."""
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        b"content-type: application/json\r\nauthorization: Bearer stub\r\n"
        b"content-length: %d\r\n\r\n" % len(body)
    ) + body

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(calls // CONNECTIONS):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            if b"chunked" in head.lower():
                await reader.readuntil(b"\r\n0\r\n\r\n")
            else:
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
        writer.close()

    async def all_of_them() -> float:
        start = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
        return (calls // CONNECTIONS) * CONNECTIONS / (time.perf_counter() - start)

    return asyncio.run(all_of_them())


def show(values: list[float], unit: str) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:8.2f} {unit} (quartiles {low:.2f} to {high:.2f})"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=100, help="calls in a round")
    options = parser.parse_args()
    os.environ["NO_PROXY"] = "127.0.0.1"
    llmock = str(Path(sys.executable).with_name("llmock"))
    with (
        server(sys.executable, "-m", "rag_tutorials.stub_llm") as stub,
        server(llmock, "serve", "--host", "127.0.0.1", "--log-level", "error") as other,
    ):
        ports = {"stub": stub, "llmock": other}
        measures: dict[str, tuple[str, Callable[[int], list[float]]]] = {}
        for name, body in REQUESTS.items():
            measures[f"call, {name}"] = (
                "ms",
                lambda port, body=body: latencies(port, body, options.calls),
            )
        measures["call, OpenAI client"] = (
            "ms",
            lambda port: client_latencies(port, options.calls),
        )
        for name, body in REQUESTS.items():
            measures[f"throughput, {name}"] = (
                "/s",
                lambda port, body=body: [throughput(port, body, 2 * options.calls)],
            )
        found: dict[tuple[str, str], list[float]] = {}
        for port in ports.values():
            for _, measure in measures.values():
                measure(port)
        for number in range(options.rounds):
            for what, (_, measure) in measures.items():
                order = list(ports.items())[:: 1 if number % 2 else -1]
                for who, port in order:
                    found.setdefault((what, who), []).extend(measure(port))
    for what, (unit, _) in measures.items():
        print(what)
        for who in ports:
            print(f"  {who:7} {show(found[what, who], unit)}")
    overhead = statistics.median(found[f"call, {MAIN}", "stub"])
    ratio = statistics.median(found[f"throughput, {MAIN}", "stub"]) / statistics.median(
        found[f"throughput, {MAIN}", "llmock"]
    )
    print(f"overhead {overhead:.2f} ms (target {TARGET_MS}), throughput {ratio:.2f} times llmock's")
    return 0 if overhead <= TARGET_MS and ratio > 1 else 1


if __name__ == "__main__":
    raise SystemExit(main())
