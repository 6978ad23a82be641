"""The few files a page needs, read from the package once; nothing else can be asked for."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

TYPES = {
    "dashboard.css": "text/css; charset=utf-8",
    "dashboard.js": "text/javascript; charset=utf-8",
    "charts.js": "text/javascript; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
    "vendor/uPlot.iife.min.js": "text/javascript; charset=utf-8",
    "vendor/uPlot.min.css": "text/css; charset=utf-8",
    "vendor/uPlot.LICENSE": "text/plain; charset=utf-8",
}


@cache
def read(name: str) -> tuple[bytes, str, str] | None:
    """Return bytes, media type and entity tag of one file, or None for a name that is not on the list."""
    if name not in TYPES:
        return None
    body = files("choirmaster.dashboard").joinpath("static", *name.split("/")).read_bytes()
    return body, TYPES[name], f'"{hashlib.sha256(body).hexdigest()[:24]}"'
