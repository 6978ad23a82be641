"""The other side of ``benchmarks.serve``: a scikit-learn VotingClassifier behind the smallest server there is."""

from __future__ import annotations

import pickle
import socket
import sys
from pathlib import Path

import msgspec
import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def main(path: str) -> None:
    """Serve ``POST /`` with {"rows": [[...]]} on a free loopback port, which is printed."""
    model = pickle.loads(Path(path).read_bytes())

    async def predict(request: Request) -> Response:
        rows = np.asarray(msgspec.json.decode(await request.body())["rows"])
        found = await run_in_threadpool(model.predict_proba, rows)
        return Response(msgspec.json.encode(found.tolist()), media_type="application/json")

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    print(f"listens on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    app = Starlette(routes=[Route("/", predict, methods=["POST"])])
    uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1])
