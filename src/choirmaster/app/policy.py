"""From the answer policy of a configuration to what the runner keeps to."""

from __future__ import annotations

from choirmaster.config import Member
from choirmaster.config.answer import Breaker, Early, Hedge
from choirmaster.overlay import Role
from choirmaster.serve.breaker import BreakerSettings
from choirmaster.serve.hedging import HedgeSettings
from choirmaster.serve.settings import EarlySettings, MemberSettings
from choirmaster.times import SECOND


def member_settings(one: Member) -> MemberSettings:
    """Return how a member is called; a remote one may be asked twice unless the file says otherwise."""
    timeout = None if one.timeout is None else one.timeout / SECOND
    repeatable = one.url is not None if one.repeatable is None else one.repeatable
    return MemberSettings(
        timeout, one.concurrency, role=Role(one.role), share=one.share or 0.0, repeatable=repeatable, batch=one.batch
    )


def breaker_settings(one: Breaker) -> BreakerSettings | None:
    """Return when a failing member is left alone."""
    if not one.enabled:
        return None
    return BreakerSettings(one.failures, one.window, one.share, one.probes, one.rest / SECOND, one.longest / SECOND)


def hedge_settings(one: Hedge | None) -> HedgeSettings | None:
    """Return when a slow member is asked a second time."""
    if one is None:
        return None
    if one.after is not None:
        return HedgeSettings(one.after / SECOND, None, one.budget)
    return HedgeSettings(None, one.quantile, one.budget)


def early_settings(one: Early | None) -> EarlySettings | None:
    """Return when an answer need not wait for those missing."""
    if one is None:
        return None
    limits = None if one.least is None or one.greatest is None else (one.least, one.greatest)
    return EarlySettings(one.tolerance, limits)
