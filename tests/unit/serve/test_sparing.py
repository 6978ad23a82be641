"""A warning that would repeat a thousand times is said once in a while, with the count of the rest."""

import logging

from choirmaster.serve.sparing import SparingLog


def test_the_first_is_said_and_the_others_are_counted(caplog):
    class Clock:
        at = 0.0

        def monotonic(self):
            return self.at

    clock = Clock()
    log = SparingLog(logging.getLogger("choirmaster.test"), clock)
    with caplog.at_level(logging.WARNING, "choirmaster.test"):
        for _ in range(1000):
            log.warning("member %s failed", "a")
        clock.at = 10.0
        log.warning("member %s failed", "a")
        clock.at = 30.0
        log.warning("member %s failed", "a")
    assert [record.getMessage() for record in caplog.records] == [
        "member a failed", "member a failed (999 more since the last time)", "member a failed",
    ]  # fmt: skip
