"""The lines of the log: what they say, at which level, in which fields, and what never."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from websocket_kit._logging import client_host, log, log_closed, logger
from websocket_kit.closing import CloseInfo

SCOPE: dict[str, Any] = {
    "type": "websocket",
    "path": "/rooms/lobby",
    "query_string": b"token=s3cret",
    "headers": [(b"cookie", b"session=s3cret"), (b"authorization", b"s3cret")],
    "client": ("192.0.2.1", 50000),
}

bounded = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True)
def _all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "websocket_kit")


def fields(record: logging.LogRecord) -> dict[str, object]:
    """What the library has added to a record."""
    prefix = "websocket_"
    return {
        name.removeprefix(prefix): value
        for name, value in vars(record).items()
        if name.startswith(prefix)
    }


def test_the_logger_is_named_after_the_package() -> None:
    assert logger is logging.getLogger("websocket_kit")


def test_a_line_says_what_happened_to_which_path_from_whom(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log(logging.INFO, "rejected", SCOPE, " with HTTP %d", 503, status=503)
    (record,) = caplog.records
    assert (record.levelname, record.name) == ("INFO", "websocket_kit")
    assert record.getMessage() == "rejected '/rooms/lobby' from '192.0.2.1' with HTTP 503"
    assert fields(record) == {
        "event": "rejected",
        "path": "/rooms/lobby",
        "client": "192.0.2.1",
        "status": 503,
    }


@pytest.mark.parametrize("client", [None, []])
def test_a_client_may_be_unknown(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    scope = {**SCOPE, "client": client}
    assert client_host(scope) is None
    log(logging.INFO, "accepted", scope, "")
    assert caplog.messages == ["accepted '/rooms/lobby' from an unknown client"]
    assert fields(caplog.records[0])["client"] is None


def test_a_scope_need_not_tell_anything(caplog: pytest.LogCaptureFixture) -> None:
    log(logging.INFO, "accepted", {}, "")
    assert caplog.messages == ["accepted '' from an unknown client"]


def test_a_client_may_be_a_list_as_on_daphne() -> None:
    assert client_host({"client": ["192.0.2.1", 50000]}) == "192.0.2.1"


@pytest.mark.parametrize(
    ("info", "duration", "line"),
    [
        (
            CloseInfo(1001, "tab closed", "peer"),
            1.5,
            (
                "closed '/rooms/lobby' from '192.0.2.1' by the peer after 1.500 s:"
                " code 1001, reason 'tab closed'"
            ),
        ),
        (
            CloseInfo(None, "", "peer"),
            None,
            "closed '/rooms/lobby' from '192.0.2.1' by the peer: code unknown, reason ''",
        ),
        (
            CloseInfo(1000, "a\n\x1b", "server"),
            0.0004,
            (
                "closed '/rooms/lobby' from '192.0.2.1' by the server after 0.000 s:"
                " code 1000, reason 'a\\n\\x1b'"
            ),
        ),
    ],
)
def test_the_end_is_logged_with_its_code_and_duration(
    info: CloseInfo, duration: float | None, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    log_closed(SCOPE, info, duration)
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("DEBUG", line)
    assert fields(record) == {
        "event": "closed",
        "path": "/rooms/lobby",
        "client": "192.0.2.1",
        "code": info.code,
        "reason": info.reason.replace("\n", "\\n").replace("\x1b", "\\x1b"),
        "by": info.by,
        "duration": duration,
    }


def test_a_level_that_nobody_listens_to_makes_no_record(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "websocket_kit")
    log(logging.INFO, "rejected", SCOPE, "")
    log_closed(SCOPE, CloseInfo(1000, "", "server"), None)
    assert caplog.records == []


@bounded
@given(st.text(), st.text(), st.text())
def test_whatever_the_peer_sends_a_record_is_one_line_of_bounded_length(
    path: str, client: str, reason: str
) -> None:
    records: list[logging.LogRecord] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    handler = Handler()
    logger.addHandler(handler)
    try:
        scope = {**SCOPE, "path": path, "client": (client, 1)}
        log_closed(scope, CloseInfo(1000, reason, "peer"), 1.0)
    finally:
        logger.removeHandler(handler)
    (record,) = records
    texts = [record.getMessage(), *(str(value) for value in fields(record).values())]
    assert all(text.isprintable() for text in texts)
    assert all(len(text) < 500 for text in texts)
    assert not any("s3cret" in text for text in texts)
