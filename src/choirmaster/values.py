"""A measured number together with everything needed to believe it, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum


class Reason(StrEnum):
    """Why a value is undefined. A short fixed set; each has one sentence in ``REASON_TEXT``."""

    NO_ROWS = "no_rows"
    NO_LABELS = "no_labels"
    TOO_FEW_ROWS = "too_few_rows"
    ONE_CLASS_ONLY = "one_class_only"
    NO_POSITIVES = "no_positives"
    NO_PREDICTED_POSITIVES = "no_predicted_positives"
    NO_PREDICTED_NEGATIVES = "no_predicted_negatives"
    ZERO_VARIANCE = "zero_variance"
    NO_REFERENCE = "no_reference"
    NO_CUTOFF = "no_cutoff"
    ALL_MISSING = "all_missing"
    OUT_OF_RANGE = "out_of_range"
    NOT_APPLICABLE = "not_applicable"
    NO_CALLS = "no_calls"
    BEYOND_BINS = "beyond_bins"
    MIXED_REFERENCES = "mixed_references"
    NEEDS_ROWS = "needs_rows"
    FAILED = "failed"


REASON_TEXT: dict[Reason, str] = {
    Reason.NO_ROWS: "no row in this window",
    Reason.NO_LABELS: "no label has arrived for this window yet",
    Reason.TOO_FEW_ROWS: "too few rows for a statement",
    Reason.ONE_CLASS_ONLY: "only one class among the labels",
    Reason.NO_POSITIVES: "no positive among the labels",
    Reason.NO_PREDICTED_POSITIVES: "nothing was predicted positive",
    Reason.NO_PREDICTED_NEGATIVES: "everything was predicted positive",
    Reason.ZERO_VARIANCE: "all values are equal",
    Reason.NO_REFERENCE: "there is no reference to compare with",
    Reason.NO_CUTOFF: "no cutoff turns the score into a class",
    Reason.ALL_MISSING: "every value is missing",
    Reason.OUT_OF_RANGE: "some contributions lie beyond the range fixed by the reference",
    Reason.NOT_APPLICABLE: "not defined for this task or output",
    Reason.NO_CALLS: "the member was not called",
    Reason.BEYOND_BINS: "lies beyond the outermost bin",
    Reason.MIXED_REFERENCES: "the windows were measured with different references, so they do not add up",
    Reason.NEEDS_ROWS: "needs the rows themselves: measure frames in memory",
    Reason.FAILED: "could not be computed; the log has the cause",
}


class Kind(StrEnum):
    """How a value came about: with labels, without them, or without needing any."""

    REALIZED = "realized"
    ESTIMATED = "estimated"
    OBSERVED = "observed"


@dataclass(frozen=True, slots=True)
class Value:
    """One number and its honesty.

    Attributes
    ----------
    number : float or None
        None where undefined; then ``reason`` says why.
    lower, upper : float or None
        95 % sampling interval, widened by the resolution. None where no interval is known.
    resolution : float
        Guaranteed half-width that comes from binning alone; 0 when exact.
    n : int
        Rows (or calls) the number rests on.
    kind : Kind
        ``realized``, ``estimated`` or ``observed``.
    reason : Reason or None
        Set exactly when ``number`` is None.
    detail : str
        Free words beside the reason, such as ``needs about 400 rows``.
    """

    number: float | None
    lower: float | None = None
    upper: float | None = None
    resolution: float = 0.0
    n: int = 0
    kind: Kind = Kind.OBSERVED
    reason: Reason | None = None
    detail: str = ""

    def __post_init__(self) -> None:
        if (self.number is None) != (self.reason is not None):
            raise ValueError("a value has either a number or a reason")
        if self.number is not None and not math.isfinite(self.number):
            raise ValueError(f"a value must be finite, got {self.number}; give a reason instead")

    @property
    def defined(self) -> bool:
        """Whether there is a number."""
        return self.number is not None

    def with_kind(self, kind: Kind) -> Value:
        """Return the same value under another kind."""
        return replace(self, kind=kind)


def undefined(reason: Reason, *, n: int = 0, kind: Kind = Kind.OBSERVED, detail: str = "") -> Value:
    """Return a value that is not a number, with its reason.

    >>> undefined(Reason.NO_ROWS).defined
    False
    """
    return Value(None, n=n, kind=kind, reason=reason, detail=detail)


def rows_needed(lower: float | None, upper: float | None, n: int, precision: float) -> int | None:
    """Return about how many rows an interval of half-width ``precision`` takes: n (half-width / precision)^2.

    Intervals from sampling shrink with the root of the rows. None where there is no interval, or no such number.

    >>> rows_needed(0.7, 0.8, 400, 0.01)
    10000
    """
    if lower is None or upper is None or not n or not precision > 0.0:
        return None
    needed = n * ((upper - lower) / 2.0 / precision) ** 2
    return math.ceil(round(needed, 6)) if math.isfinite(needed) else None


# The tidy table of values, in column order (docs/formats/values.md).
VALUE_COLUMNS = (
    "ensemble", "window_start", "window_end", "revision", "series", "version", "segment", "feature", "target",
    "metric", "value", "lower", "upper", "resolution", "n", "kind", "reason", "reference",
)  # fmt: skip
VALUE_ORDER = ("ensemble", "series", "version", "segment", "feature", "target", "metric", "window_start")

FUSED = "fused"
RESERVED_SERIES = (FUSED, "all", "*")
