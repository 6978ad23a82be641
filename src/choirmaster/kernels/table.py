"""The kernels under their names, plain or compiled: who scans gets a ``Kernels`` as an argument.

Nothing here loads numba: ``engines/compile.py`` does, when it is asked for compiled ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from choirmaster.kernels.answers import place
from choirmaster.kernels.errors import error_products, spread
from choirmaster.kernels.locate import cell, locate
from choirmaster.kernels.log import natural_log
from choirmaster.kernels.losses import add_units, class_losses, number_losses
from choirmaster.kernels.numeric import numeric
from choirmaster.kernels.quantiles import add_pair, quantile_losses
from choirmaster.kernels.reconstruction import reconstruction
from choirmaster.kernels.relative import relative_losses
from choirmaster.kernels.scores import scores
from choirmaster.kernels.value_sums import value_sums
from choirmaster.kernels.votes import votes


@dataclass(frozen=True, slots=True)
class Kernels:
    """One callable for each inner loop."""

    numeric: Callable[..., None]
    scores: Callable[..., None]
    class_losses: Callable[..., None]
    number_losses: Callable[..., None]
    relative_losses: Callable[..., None]
    quantile_losses: Callable[..., None]
    error_products: Callable[..., None]
    spread: Callable[..., None]
    votes: Callable[..., None]
    value_sums: Callable[..., None]
    reconstruction: Callable[..., None]


PLAIN = Kernels(
    numeric,
    scores,
    class_losses,
    number_losses,
    relative_losses,
    quantile_losses,
    error_products,
    spread,
    votes,
    value_sums,
    reconstruction,
)
HELPERS: tuple[Callable[..., object], ...] = (  # compiled into their callers, each before those that call it
    cell, locate, natural_log, add_units, add_pair, place,
)  # fmt: skip
