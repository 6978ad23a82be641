"""Reports: one content, built from measured values, and pure renderers to PDF, HTML, CSV and JSON.

``content(queries, ensemble, ...)`` and ``content_from_values(values, ...)`` build it; ``render_pdf``, ``render_html``,
``render_csv`` and ``render_json`` draw it. Nothing here reads a clock, a file or a store. Names load when first used.
"""

from __future__ import annotations

from typing import Any

_HOMES = {
    "Content": "model",
    "content": "build",
    "content_from_values": "build",
    "render_pdf": "pdf",
    "render_html": "html",
    "render_csv": "csv",
    "render_json": "json",
}

__all__ = ["Content", "content", "content_from_values", "render_csv", "render_html", "render_json", "render_pdf"]


def __getattr__(name: str) -> Any:
    """Load a public name from its file."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
