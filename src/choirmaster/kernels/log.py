"""A natural logarithm made of + - x / and ``frexp`` only, so that every machine gives the same bits."""

from __future__ import annotations

import math

LN2_HIGH = 0.693147180369123816490  # the leading 33 bits of ln 2, so that exponent * LN2_HIGH is exact
LN2_LOW = 1.90821492927058770002e-10
SQRT_HALF = 0.7071067811865476


def natural_log(x: float) -> float:
    """Return ln(x) for a positive finite x, within 1e-15 relative or absolute.

    Writes x = m * 2^e with m in [sqrt(1/2), sqrt(2)), then ln m = 2 artanh(s), s = (m - 1) / (m + 1), as a series in
    s^2 whose eleventh term is below 1e-17.

    >>> abs(natural_log(10.0) - 2.302585092994046) < 1e-15
    True
    """
    m, e = math.frexp(x)
    if m < SQRT_HALF:
        m *= 2.0
        e -= 1
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    series = 1.0 / 21.0
    series = 1.0 / 19.0 + z * series
    series = 1.0 / 17.0 + z * series
    series = 1.0 / 15.0 + z * series
    series = 1.0 / 13.0 + z * series
    series = 1.0 / 11.0 + z * series
    series = 1.0 / 9.0 + z * series
    series = 1.0 / 7.0 + z * series
    series = 1.0 / 5.0 + z * series
    series = 1.0 / 3.0 + z * series
    return e * LN2_HIGH + (2.0 * s + (2.0 * s * z * series + e * LN2_LOW))
