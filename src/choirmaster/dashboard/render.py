"""From a page's plain data to HTML: one strict template environment, made once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from choirmaster.dashboard import words


@cache
def environment() -> Environment:
    """Return the environment: everything escaped, an unknown name is an error."""
    env = Environment(
        loader=PackageLoader("choirmaster.dashboard", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(
        number=words.number,
        moment=words.moment,
        plain=words.plain,
        interval=words.interval,
        metric=words.metric_title,
        reason=words.reason_words,
        segment=words.segment_words,
        quoted=lambda text: quote(str(text), safe=""),
    )
    env.globals["HEALTH"] = words.HEALTH_WORDS
    return env


def html(page: Mapping[str, Any]) -> str:
    """Draw one page."""
    by_month = [one for one in page.get("tables", ()) if one["name"].startswith("months-")]
    return environment().get_template(f"{page['page']}.html").render(**page, month_tables=by_month)
