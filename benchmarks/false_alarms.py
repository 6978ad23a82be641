"""``python -m benchmarks.false_alarms``: how often drift measures alarm where nothing drifts, beside rules of thumb.

Categories are drawn, reference and current from one law, so every alarm is a false one. Draws are seeded: the table
is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from choirmaster.drift.cells import occupied
from choirmaster.drift.chi_squared import chi_squared
from choirmaster.drift.distances import greatest_difference, hellinger_squared, total_variation
from choirmaster.drift.divergence import jensen_shannon, psi

Counts = NDArray[np.int64]
Alarm = Callable[[Counts, Counts], bool]
ROWS, CATEGORIES, DRAWS = (50, 200, 1_000, 10_000), (3, 10, 30, 100), 500
FLOOR = 0.0001  # the share an empty cell is given by the rule for PSI


def rule_chi_square(current: Counts, reference: Counts) -> bool:
    """The one-sample test: the shares of the reference are taken as known; p below 0.05.

    A category the reference does not know has an expected count of 0 and makes the statistic infinite.
    """
    from scipy.special import chdtrc

    expected = reference * (current.sum() / reference.sum())
    known = expected > 0
    if current[~known].any():
        return True
    statistic = float(((current[known] - expected[known]) ** 2 / expected[known]).sum())
    return bool(chdtrc(int(known.sum()) - 1, statistic) < 0.05)


def rule_psi(current: Counts, reference: Counts) -> bool:
    """PSI of the plain shares, empty ones raised to 0.0001, at least 0.1."""
    p, q = (np.maximum(counts / counts.sum(), FLOOR) for counts in (current, reference))
    return bool(((p - q) * np.log(p / q)).sum() >= 0.1)


def rule_jensen_shannon(current: Counts, reference: Counts) -> bool:
    """Jensen-Shannon distance of the plain shares, natural logarithm, at least 0.1."""
    from scipy.special import rel_entr

    p, q = current / current.sum(), reference / reference.sum()
    middle = (p + q) / 2.0
    return bool(np.sqrt((rel_entr(p, middle) + rel_entr(q, middle)).sum() / 2.0) >= 0.1)


OURS: tuple[tuple[str, Alarm], ...] = (
    ("psi", lambda now, past: psi(now, past).lower > 0.0),
    ("jensen_shannon", lambda now, past: jensen_shannon(now, past).lower > 0.0),
    ("hellinger", lambda now, past: hellinger_squared(now, past).lower > 0.0),
    ("total_variation", lambda now, past: total_variation(now, past).lower > 0.0),
    ("l_infinity", lambda now, past: greatest_difference(now, past).lower > 0.0),
    ("chi_squared_p", lambda now, past: chi_squared(now, past).p_value < 0.05),
)
RULES: tuple[tuple[str, Alarm], ...] = (
    ("the rule chi-square p < 0.05, one sample", rule_chi_square),
    ("the rule PSI >= 0.1", rule_psi),
    ("the rule JS distance >= 0.1", rule_jensen_shannon),
)


def shares(rows: int, reference: int, categories: int, draws: int = DRAWS, moved: float = 0.0) -> dict[str, float]:
    """Return the share of alarms of each measure.

    Parameters
    ----------
    reference : int
        Its rows; 0 stands for as many as on the current side.
    moved : float
        How much of the current law has gone from all categories alike to the first one; 0: every alarm is false.
    """
    rng = np.random.default_rng([rows, reference, categories])
    law = np.full(categories, 1.0 / categories)
    current = law * (1.0 - moved)
    current[0] += moved
    now = rng.multinomial(rows, current, draws).astype(np.int64)
    past = rng.multinomial(reference or rows, law, draws).astype(np.int64)
    pairs = [occupied(one, other) for one, other in zip(now, past, strict=True)]
    return {name: float(np.mean([alarm(*pair) for pair in pairs])) for name, alarm in (*OURS, *RULES)}


def table(
    reference: int, rows: Sequence[int] = ROWS, categories: Sequence[int] = CATEGORIES, draws: int = DRAWS,
    moved: float = 0.0,
) -> dict[tuple[int, int], dict[str, float]]:  # fmt: skip
    """Return and print the shares over rows and categories."""
    found = {(n, k): shares(n, reference, k, draws, moved) for n in rows for k in categories}
    against = f"a reference of {reference:,} rows" if reference else "a reference of as many rows"
    kind = f"Alarms where {100.0 * moved:g} % of the rows have moved to one category," if moved else "False alarms"
    print(f"\n{kind} in % against {against}, {draws:,} draws each:\n")
    print("| rows | categories | " + " | ".join(name for name, _ in (*OURS, *RULES)) + " |")
    print("|" + "---|" * (2 + len(OURS) + len(RULES)))
    for (n, k), one in found.items():
        print(f"| {n:,} | {k} | " + " | ".join(f"{100.0 * share:.1f}" for share in one.values()) + " |", flush=True)
    return found


def main() -> None:
    """Print the false alarms against a large and an equally large reference, and the true ones of a small shift."""
    table(10_000)
    table(0)
    table(10_000, categories=(10,), moved=0.05)


if __name__ == "__main__":
    main()
