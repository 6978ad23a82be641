"""Numbers, instants, reasons and names as people read them. Pure functions; none of them decides anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from choirmaster.catalogue.titles import unit_of
from choirmaster.values import REASON_TEXT, Reason

# Characters that change the direction or the place of the text around them.
UNRULY = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C, *range(0x20), 0x7F}


def better(metric: str) -> str:
    """Return ``higher``, ``lower`` or ``none``: where the good end of a metric lies.

    >>> better("log_loss"), better("roc_auc"), better("unheard of")
    ('lower', 'higher', 'none')
    """
    from choirmaster.metrics import BY_NAME

    return BY_NAME[metric].better if metric in BY_NAME else "none"


def better_words(metric: str) -> str:
    """Say which end of a metric is good."""
    return {"higher": "higher is better", "lower": "lower is better"}.get(better(metric), "")


def about_metric(metric: str) -> str:
    """Return one line on a metric: what it is, its unit, and which end is good."""
    from choirmaster.metrics import BY_NAME

    if metric not in BY_NAME:
        return ""
    return "; ".join(part for part in (BY_NAME[metric].definition, unit_of(metric).words, better_words(metric)) if part)


def number(value: float | int | None) -> str:
    """Write a number with about four significant digits.

    >>> [number(x) for x in (0.73124, 12.345, 12345.6, 0.00012, 27004, None, -0.0)]
    ['0.7312', '12.35', '12,346', '1.2e-04', '27,004', '', '0.0000']
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if 0 < size < 0.001:
        return f"{value:.1e}"
    decimals = 4 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    text = f"{value:,.{decimals}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text


def figure(metric: str, value: float | None) -> str:
    """Write a number of a metric with the sign of its unit.

    >>> figure("roc_auc", 0.73124), figure("latency_p50", 1234.5), figure("log_loss", 0.5), figure("psi", None)
    ('0.7312', '1,234 µs', '0.5000 nats', '')
    """
    if value is None:
        return ""
    unit = unit_of(metric)
    text = number(value) if unit.decimals is None else f"{value:,.{unit.decimals}f}"
    return f"{text} {unit.sign}" if unit.sign else text


def interval(value: Mapping[str, Any]) -> str:
    """Write the interval of a value, or nothing where none is known.

    >>> interval({"lower": 0.7, "upper": 0.75})
    '0.7000 to 0.7500'
    """
    lower, upper = value.get("lower"), value.get("upper")
    return "" if lower is None or upper is None else f"{number(lower)} to {number(upper)}"


def reason_words(reason: str | None, metric: str = "", n: int | None = None) -> str:
    """Return the sentence for a reason; of too few rows also how many the metric needs.

    >>> reason_words("no_labels"), reason_words("too_few_rows", "psi", 12)
    ('no label has arrived for this window yet', 'too few rows for a statement: needs about 30 rows')
    """
    if not reason:
        return "no value"
    if reason == Reason.TOO_FEW_ROWS and (needs := _needs(metric, n)):
        return f"{REASON_TEXT[Reason.TOO_FEW_ROWS]}: {needs}"
    return REASON_TEXT[Reason(reason)] if reason in set(Reason) else reason.replace("_", " ")


def _needs(metric: str, n: int | None) -> str:
    from choirmaster.metrics import BY_NAME

    least = BY_NAME[metric].least if metric in BY_NAME else None
    told = least is not None and least.n > 1 and (least.what != "rows" or n is None or n < least.n)
    return str(least) if told else ""


def moment(text: str | None) -> str:
    """Write an instant for people, in UTC.

    >>> moment("2013-04-22T04:00:00Z"), moment("2013-04-22T00:00:00Z"), moment(None)
    ('2013-04-22 04:00', '2013-04-22', '')
    """
    if not text:
        return ""
    day, _, clock = text.removesuffix("Z").partition("T")
    clock = clock.partition(".")[0].removesuffix(":00")
    return day if clock in {"", "00:00"} else f"{day} {clock}"


def segment_words(key: str) -> str:
    """Write a segment key for people.

    >>> segment_words("carrier=AA&origin=~"), segment_words("")
    ('carrier AA, origin missing', 'all rows')
    """
    if not key:
        return "all rows"
    pairs = (part.partition("=") for part in key.split("&"))
    return ", ".join(f"{unquote(name)} {'missing' if got == '~' else unquote(got)}" for name, _, got in pairs)


def plain(text: object) -> str:
    r"""Return a text whose control and direction characters are spelled out, so that it stays in its place.

    >>> print(plain("a" + chr(0x202E) + "b"))
    a\u202eb
    """
    return "".join(f"\\u{ord(sign):04x}" if ord(sign) in UNRULY else sign for sign in str(text))
