"""Log lines of a command leave its answer alone."""

import structlog

from choirmaster.app.logs import to_stderr


def test_lines_go_to_stderr_for_a_while(capsys):
    log = structlog.get_logger("choirmaster.test")
    with to_stderr():
        log.warning("inside")
    log.warning("after")
    out, err = capsys.readouterr()
    assert ("inside" in err, "inside" in out, "after" in out) == (True, False, True)
