"""Sends one request again and again over a few connections: a client that costs little, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit


async def _one(host: str, port: int, head: bytes, body: bytes, until: float, took: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    while time.perf_counter() < until:
        start = time.perf_counter()
        writer.write(head + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in answer.lower().split(b"\r\n") if b"content-length" in line)
        await reader.readexactly(length)
        if b" 200 " not in answer.split(b"\r\n", 1)[0]:
            raise RuntimeError(answer.split(b"\r\n", 1)[0].decode())
        took.append(time.perf_counter() - start)
    writer.close()


async def load(url: str, body: bytes, connections: int, seconds: float) -> list[float]:
    """Return the seconds of every answer."""
    place = urlsplit(url)
    head = (f"POST {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()  # fmt: skip
    took: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_one(place.hostname or "", place.port or 80, head, body, until, took)
                           for _ in range(connections)))  # fmt: skip
    return took


if __name__ == "__main__":
    address, file, many, length = sys.argv[1:]
    print(json.dumps(asyncio.run(load(address, Path(file).read_bytes(), int(many), float(length)))))
