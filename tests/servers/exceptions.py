"""What single servers make impossible, case by case: what happens there instead, and why.

A case on a server in this table must end as the table says. When a server mends its ways, the case
fails until its entry is taken out.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple


class Either(tuple[object, ...]):
    """Outcomes of a race, each as good as the other."""

    __slots__ = ()


class Row(NamedTuple):
    """One exception.

    Attributes:
        case: The name of the test.
        servers: Where.
        instead: What happens there; an ``Either`` of several outcomes where it is a race.
        why: What of the server's makes it so.
    """

    case: str
    servers: tuple[str, ...]
    instead: object
    why: str


_UVICORN = ("uvicorn", "uvicorn-websockets", "uvicorn-wsproto")
_HYPERCORN = ("hypercorn-asyncio", "hypercorn-trio")
_NO_DENIAL = ("daphne", "gunicorn")
_WSPROTO = ("uvicorn-wsproto", *_HYPERCORN)

_CANNOT_DENY = (
    "The server does not offer ASGI's denial response, so a refusal is a plain close: HTTP 403."
)
_DROPS_REASONS = "The server drops every close reason."
_DAPHNES_CODES = (
    "The server raises for codes but 1000 and 3000-4999, so 1011 goes out as 4011 and so on; and it"
    " drops every close reason."
)
_CANCELS = "The server cancels the handler of a peer that is gone without a goodbye."
_CANCELS_OR_RAISES = (
    "The server cancels the handler of a peer that is gone without a goodbye, unless its send is"
    " quicker to raise."
)
_SILENT = (
    "The server takes what is sent to a peer that is gone. A handler that only sends has to do so"
    " inside task_group or with send_each."
)


_GRANIANS_RACE = (
    "The server's lifespan, and with it the router's drain, ends while the process is leaving:"
    " either may be first."
)


def _each(outcome: str) -> dict[str, str]:
    return dict.fromkeys(("receive", "task_group", "send_each"), outcome)


def _race(receive: Iterable[str], others: Iterable[str]) -> Either:
    others = tuple(others)
    return Either(
        {"receive": first, "task_group": second, "send_each": third}
        for first, second, third in product(receive, others, others)
    )


def _daphnes(codes: Iterable[int]) -> dict[int, str]:
    return {code: str(code if code == 1000 or code >= 3000 else code + 3000) for code in codes}


TABLE: list[Row] = [
    # ------------------------------------------------------------------------------ handshakes
    Row(
        "test_a_bad_input_is_refused_with_400_and_says_where",
        _NO_DENIAL,
        (403, None),
        _CANNOT_DENY,
    ),
    Row("test_an_unknown_path_is_refused_with_404", _NO_DENIAL, 403, _CANNOT_DENY),
    Row(
        "test_headers_of_the_acceptance_arrive",
        ("daphne", "granian"),
        (None, None),
        "The server drops the headers of an acceptance.",
    ),
    Row(
        "test_an_empty_offer_of_subprotocols_is_none",
        ("uvicorn",),
        (400, None),
        "websockets' sans-I/O parser refuses an empty header.",
    ),
    Row(
        "test_a_rejection_has_its_status_headers_and_body",
        _NO_DENIAL,
        (403, None, b""),
        _CANNOT_DENY,
    ),
    Row("test_a_rejection_with_a_large_body_arrives_whole", _NO_DENIAL, (403, 0), _CANNOT_DENY),
    *(
        Row(
            f"test_a_handler_that_ends_before_accepting_refuses[{how}-{way}]",
            _NO_DENIAL,
            403,
            _CANNOT_DENY,
        )
        for how in ("raise-500", "reject-401")
        for way in ("router", "endpoint")
    ),
    Row(
        "test_a_foreign_origin_is_refused_with_403",
        ("daphne",),
        {"127.0.0.1:{port}": 400},
        "The server refuses an Origin that is no URL itself.",
    ),
    Row(
        "test_an_origin_that_one_of_two_hosts_matches_is_refused",
        (*_WSPROTO, "gunicorn", "h2corn"),
        400,
        "The server refuses two Host headers itself.",
    ),
    Row(
        "test_an_origin_that_one_of_two_hosts_matches_is_refused[second]",
        ("daphne",),
        400,
        "The server joins two Host headers with a comma, and refuses what ends with no port then.",
    ),
    Row(
        "test_two_origins_are_refused_though_one_is_the_servers_own",
        ("uvicorn",),
        400,
        "The server refuses two Origin headers itself.",
    ),
    Row(
        "test_two_origins_are_refused_though_one_is_the_servers_own[first]",
        ("daphne",),
        400,
        "The server joins two Origin headers with a comma, and refuses what is no URL then.",
    ),
    Row(
        "test_http_on_a_websocket_path_is_answered_with_426",
        ("h2corn",),
        500,
        "The server refuses the header Upgrade from an app, which status 426 must have.",
    ),
    Row(
        "test_a_peer_that_resets_before_the_answer_ends_the_handler",
        ("h2corn",),
        Either(("cancelled", "WebSocketDisconnectError")),
        _CANCELS_OR_RAISES,
    ),
    # -------------------------------------------------------------------------------- messages
    Row("test_empty_messages_arrive", ("daphne",), ["end"], "The server drops empty messages."),
    Row(
        "test_a_message_in_fragments_is_one_message[three]",
        ("h2corn",),
        "never comes",
        "The server loses every message in three fragments or more.",
    ),
    Row(
        "test_a_message_of_eight_mib_comes_in_whole",
        ("daphne",),
        "WebSocketDisconnectError None",
        "The server's own limit is 1 MiB (--websocket-max-message-size).",
    ),
    Row(
        "test_a_message_of_eight_mib_goes_out_whole",
        ("daphne",),
        "4011",
        "The server's own limit of 1 MiB is for both directions; a send over it raises"
        " WebSocketDisconnectError and the connection is closed.",
    ),
    Row(
        "test_a_message_over_the_servers_own_limit_ends_the_connection",
        ("daphne",),
        ("no close frame", "WebSocketDisconnectError"),
        "The server resets the connection without a close frame.",
    ),
    Row(
        "test_a_message_over_the_servers_own_limit_ends_the_connection",
        ("granian",),
        ("no code", "WebSocketDisconnectError"),
        "The server's close frame has no code.",
    ),
    Row(
        "test_a_message_over_the_servers_own_limit_ends_the_connection",
        ("h2corn",),
        ("1009", "cancelled"),
        _CANCELS,
    ),
    Row(
        "test_a_message_over_the_librarys_limit_ends_with_1009",
        ("daphne",),
        ("4009", "WebSocketMessageTooBig"),
        _DAPHNES_CODES,
    ),
    Row("test_a_broken_frame_is_a_peer_that_left", ("h2corn",), "cancelled", _CANCELS),
    Row(
        "test_a_broken_frame_is_answered_with_the_code_that_says_why",
        (*_WSPROTO, "daphne"),
        "no close frame",
        "The server drops the connection without a close frame.",
    ),
    *(
        Row(
            f"test_a_broken_frame_is_answered_with_the_code_that_says_why[{what}]",
            ("granian",),
            "no code",
            "The server's close frame has no code.",
        )
        for what in (
            "invalid UTF-8",
            "half a character",
            "a reserved bit",
            "an unknown opcode",
            "a continuation of nothing",
            "a message inside another",
            "a ping in fragments",
            "a ping of 126 bytes",
            "no mask",
            "a close with half a code",
            "a close with invalid UTF-8",
        )
    ),
    Row("test_half_a_frame_and_a_reset_is_a_peer_that_left", ("h2corn",), "cancelled", _CANCELS),
    # --------------------------------------------------------------------------------- endings
    Row(
        "test_a_handler_sees_the_peers_close_code_and_reason[4000]",
        ("daphne", "granian", "gunicorn"),
        "WebSocketDisconnectError 4000",
        "The server does not pass the peer's close reason on.",
    ),
    *(
        Row(
            f"test_a_handler_sees_the_peers_close_code_and_reason[{code}]",
            _HYPERCORN,
            "WebSocketDisconnectError None",
            "The server says 1006 for every goodbye.",
        )
        for code in (4000, 1000, 1001)
    ),
    Row(
        "test_a_peer_sees_every_legal_close_code",
        ("daphne",),
        _daphnes((1000, 1001, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)),
        _DAPHNES_CODES,
    ),
    Row(
        "test_a_handler_that_is_cancelled_closes_with_1012",
        ("daphne",),
        dict.fromkeys(("receive", "task_group", "sleep"), ("4012", "cancelled")),
        _DAPHNES_CODES,
    ),
    Row("test_a_long_reason_is_cut_between_characters", ("daphne",), "4000", _DROPS_REASONS),
    Row(
        "test_a_handler_that_ends_closes_with_the_code_that_says_how",
        ("daphne",),
        {
            "return": "1000",
            "raise": "4011",
            "raise in a task": "4011",
            "WebSocketClose": "4002",
            "WebSocketReject 4xx": "4008",
            "WebSocketReject 5xx": "4011",
            "not a number": "4007",
            "another message": "4008",
            "too big": "4009",
            "too late": "3008",
        },
        _DAPHNES_CODES,
    ),
    Row(
        "test_a_close_beside_a_pending_receive_goes_out_and_ends_it",
        ("daphne",),
        ("4003", "WebSocketHandshakeError"),
        _DROPS_REASONS,
    ),
    # ---------------------------------------------------------------------- drains and limits
    Row(
        "test_a_drain_tells_every_peer",
        ("daphne",),
        {**dict.fromkeys(("iterate", "group", "send-each", "busy"), "4012"), "late": "403"},
        _DAPHNES_CODES,
    ),
    Row(
        "test_a_drain_tells_every_peer",
        ("gunicorn",),
        {
            **dict.fromkeys(("iterate", "group", "send-each", "busy"), "1012 back soon"),
            "late": "403",
        },
        _CANNOT_DENY,
    ),
    Row(
        "test_a_drain_refuses_newcomers_until_it_is_over",
        _NO_DENIAL,
        (403, 101),
        _CANNOT_DENY,
    ),
    Row(
        "test_a_peer_that_sends_too_often_is_closed_with_1008",
        ("daphne",),
        ("4008", "returned"),
        _DAPHNES_CODES,
    ),
    Row(
        "test_a_connection_too_many_is_refused_until_another_leaves",
        _NO_DENIAL,
        (403, True),
        _CANNOT_DENY,
    ),
    # ------------------------------------------------------------------------------- vanishing
    *(
        Row(f"test_a_peer_that_goes_is_noticed[reset-{doing}]", ("h2corn",), "cancelled", _CANCELS)
        for doing in (
            "receive",
            "task_group, receiving",
            "task_group, idle",
            "send_each, idle",
        )
    ),
    *(
        Row(
            f"test_a_peer_that_goes_is_noticed[reset-{doing}]",
            ("h2corn",),
            Either(("cancelled", "WebSocketDisconnectError")),
            _CANCELS_OR_RAISES,
        )
        for doing in ("task_group, sending", "task_group, both", "send_each")
    ),
    Row(
        "test_a_handler_that_only_sends_notices_a_reset",
        ("h2corn",),
        Either(("cancelled", "WebSocketDisconnectError None")),
        _CANCELS_OR_RAISES,
    ),
    Row(
        "test_a_handler_that_only_sends_notices_a_reset",
        (*_HYPERCORN, "daphne", "granian"),
        "returned",
        _SILENT,
    ),
    Row(
        "test_cleaning_up_after_the_peer_may_take_a_moment",
        ("h2corn",),
        ("cancelled", 1),
        _CANCELS,
    ),
    Row(
        "test_a_silent_peer_is_closed_by_receive_timeout",
        ("daphne",),
        ("3008", "WebSocketTimeoutError"),
        _DROPS_REASONS,
    ),
    Row(
        "test_data_before_a_handshake_is_refused_harms_nobody_else",
        ("hypercorn-trio",),
        False,
        "The server answers such data with an HTTP response beside the refusal, and the error that"
        " this is ends the whole process. Nothing above the server can help.",
    ),
    Row(
        "test_data_before_a_handshake_is_accepted_leaves_no_handler_behind",
        ("hypercorn-asyncio",),
        "waits on",
        "The server answers such data with HTTP 400 and forgets the handler: it takes what is sent,"
        " and receive waits for ever, whether or not the peer goes. Set receive_timeout.",
    ),
    Row(
        "test_data_before_a_handshake_is_accepted_leaves_no_handler_behind",
        ("hypercorn-trio",),
        "the server is gone",
        "The server answers such data with HTTP 400 beside the app's answer, and the error that"
        " this is ends the whole process. Nothing above the server can help.",
    ),
    Row(
        "test_a_peer_that_answers_no_ping_is_noticed_where_the_server_is_told_to_ping",
        (*_HYPERCORN, "granian", "gunicorn"),
        "waits on",
        "The server sends no pings, or (hypercorn) looks for no pongs: set receive_timeout.",
    ),
    Row(
        "test_a_peer_that_answers_no_ping_is_noticed_where_the_server_is_told_to_ping",
        ("h2corn",),
        "cancelled",
        _CANCELS,
    ),
    # ------------------------------------------------------------------------------ slow peers
    Row(
        "test_a_close_to_a_peer_that_reads_nothing_takes_five_seconds_at_most",
        ("daphne",),
        ("buffers", "returned"),
        "The server buffers whatever is sent; send never waits.",
    ),
    Row(
        "test_a_close_to_a_peer_that_reads_nothing_takes_five_seconds_at_most",
        ("hypercorn-trio",),
        ("hangs", "returned"),
        "The server shields its writing from cancellation: a send to a peer that reads nothing"
        " waits until the peer reads or goes, whatever timeout is around it.",
    ),
    Row(
        "test_a_reset_wakes_a_send_that_waits",
        ("daphne",),
        ("buffers", "returned"),
        "The server buffers whatever is sent; send never waits, nor does it notice a reset.",
    ),
    Row(
        "test_a_reset_wakes_a_send_that_waits",
        ("hypercorn-trio",),
        ("hangs", "returned"),
        "The server shields its writing from cancellation, and takes what is sent after a reset.",
    ),
    Row(
        "test_a_reset_wakes_a_send_that_waits",
        ("hypercorn-asyncio", "granian"),
        ("waits", "returned"),
        _SILENT,
    ),
    Row(
        "test_a_reset_wakes_a_send_that_waits",
        ("gunicorn",),
        ("waits", "cancelled"),
        "A reset does not wake the send; three seconds later the server cancels the handler.",
    ),
    *(
        Row(
            f"test_a_reset_wakes_a_send_that_waits{where}",
            ("h2corn",),
            Either((("waits", "cancelled"), ("waits", "WebSocketDisconnectError None"))),
            _CANCELS_OR_RAISES,
        )
        for where in ("", "_in_a_task_group")
    ),
    Row(
        "test_a_reset_wakes_a_send_that_waits_in_a_task_group",
        ("daphne",),
        ("buffers", "WebSocketDisconnectError None"),
        "The server buffers whatever is sent; send never waits.",
    ),
    Row(
        "test_a_reset_wakes_a_send_that_waits_in_a_task_group",
        ("hypercorn-trio",),
        Either((("hangs", "WebSocketDisconnectError None"), ("hangs", "waits on"))),
        "The server shields its writing from cancellation. If a send that hangs has been cancelled"
        " by the time of the reset, the server may also lose its word that the peer is gone: then"
        " only receive_timeout ends the wait.",
    ),
    Row(
        "test_a_peer_that_reads_nothing_is_dropped_by_send_timeout",
        ("hypercorn-trio",),
        ("waits on", False),
        "The server shields its writing from cancellation: a send to a peer that reads nothing"
        " waits until the peer reads or goes, whatever timeout is around it.",
    ),
    Row(
        "test_a_peer_that_reads_nothing_is_dropped_by_send_timeout",
        ("daphne",),
        ("returned", False),
        "The server buffers whatever is sent; send never waits.",
    ),
    Row(
        "test_a_handler_that_reads_nothing_stops_the_peer",
        ("daphne",),
        (False, True),
        "The server reads and queues whatever the peer sends.",
    ),
    # ------------------------------------------------------------------------------- shutdowns
    Row(
        "test_sigterm_is_seen_by_the_peers",
        ("daphne", "gunicorn"),
        _each("no close frame"),
        "The server leaves without a word, gunicorn after its --graceful-timeout.",
    ),
    Row(
        "test_sigterm_is_seen_by_the_peers",
        ("granian",),
        _race(("1012", "no close frame"), ("1012", "no close frame")),
        _GRANIANS_RACE,
    ),
    Row(
        "test_sigterm_is_seen_by_the_peers",
        ("h2corn",),
        _each("1001"),
        "The server closes with a code of its own.",
    ),
    Row(
        "test_sigterm_is_seen_by_the_handlers",
        _HYPERCORN,
        _each("cancelled"),
        "The server cancels its handlers after its graceful timeout; the library closes with 1012.",
    ),
    Row(
        "test_sigterm_is_seen_by_the_handlers",
        ("daphne", "gunicorn"),
        _each("nothing"),
        "The server leaves without a word to its handlers.",
    ),
    Row(
        "test_sigterm_is_seen_by_the_handlers",
        ("granian",),
        _race(
            ("nothing", "returned"),
            ("nothing", "WebSocketDisconnectError None", "WebSocketDroppedError"),
        ),
        _GRANIANS_RACE,
    ),
    Row(
        "test_sigterm_is_seen_by_the_handlers",
        ("h2corn",),
        {**_each("WebSocketDisconnectError 1001"), "receive": "returned"},
        "The server closes with a code of its own.",
    ),
]

EXCEPTIONS = {(row.case, server): row for row in TABLE for server in row.servers}


def exception_of(case: str, server: str) -> Row | None:
    """The row about a case on a server: about its parameters, or else about all of them."""
    exact = EXCEPTIONS.get((case, server))
    return exact or EXCEPTIONS.get((case.partition("[")[0], server))
