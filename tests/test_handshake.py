"""Before accept: which Origin may connect, in which subprotocol, and what a refusal can be."""

from __future__ import annotations

import logging
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from websocket_kit._handshake import (
    Rejection,
    check_origins,
    check_subprotocols,
    choose_subprotocol,
    foreign,
    offers_denial,
    origin_problem,
)

bounded = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def problem(
    origin: str | list[str], host: str | list[str] = "example.com", *, allowed: Any = ()
) -> str | None:
    origins = [origin] if isinstance(origin, str) else origin
    hosts = [host] if isinstance(host, str) else host
    headers = [
        *((b"host", each.encode("latin-1")) for each in hosts),
        (b"user-agent", b"x"),
        *((b"origin", each.encode("latin-1")) for each in origins),
    ]
    return origin_problem(headers, check_origins(allowed))


# ------------------------------------------------------------------------------- the same origin


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://example.com", "example.com"),
        ("https://example.com", "example.com"),
        ("https://example.com:8443", "example.com:8443"),
        ("http://localhost:3000", "localhost:3000"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("http://[::1]", "[::1]"),
        ("HTTPS://EXAMPLE.COM", "example.com"),
        ("https://example.com", "EXAMPLE.com"),
        ("http://example.com", "example.com:80"),
        ("http://example.com:80", "example.com"),
        ("https://example.com", "example.com:443"),
        ("https://example.com:443", "example.com"),
        ("wss://example.com", "example.com:443"),
        ("ws://example.com:80", "example.com"),
        ("https://example.com:80", "example.com:80"),
        ("chrome-extension://abcdef", "abcdef"),
    ],
)
def test_a_page_of_the_servers_own_may_connect(origin: str, host: str) -> None:
    """The scheme is not compared: TLS may end at a proxy."""
    assert problem(origin, host) is None


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.org", "example.com"),
        ("https://example.com.evil.org", "example.com"),
        ("https://evilexample.com", "example.com"),
        ("https://sub.example.com", "example.com"),
        ("https://example.com", "sub.example.com"),
        ("https://example.com@evil.org", "example.com"),
        ("https://evil.org@example.com", "example.com"),
        ("https://user:password@example.com", "example.com"),
        ("https://example.com:8443", "example.com"),
        ("https://example.com", "example.com:8443"),
        ("http://example.com:443", "example.com"),
        ("http://example.com", "example.com:443"),
        ("https://example.com:80", "example.com"),
        ("https://example.com:0443", "example.com"),
        ("https://example.com:", "example.com"),
        ("https://example.com/", "example.com"),
        ("https://example.com/path", "example.com"),
        ("https://example.com?x", "example.com"),
        ("https://example.com#x", "example.com"),
        ("https://evil.org\\example.com", "example.com"),
        ("https://evil.org example.com", "example.com"),
        ("https://example.com.", "example.com"),
        ("//example.com", "example.com"),
        ("example.com", "example.com"),
        ("https://", "example.com"),
        ("https://", ""),
        ("http://", ""),
        ("", "example.com"),
        ("", ""),
        ("null", "example.com"),
        ("null", "null"),
        ("file://", "example.com"),
        ("https://[::2]", "[::1]"),
        ("https://example.com https://evil.org", "example.com"),
        (" https://example.com", "example.com"),
        ("https://example.com\n", "example.com"),
        ("https://example.com", "example.com/path"),
        ("https://example.com", "user@example.com"),
        ("https://ex\xe4mple.com", "example.com"),
        ("https://example.com,https://evil.org", "example.com"),
        ("https://evil.org,https://example.com", "example.com"),
        ("NULL", "example.com"),
        ("https://example.com", "example.com, evil.org"),
        ("https://example.com", "example.com evil.org"),
        ("https://example.com", "example.com@evil.org"),
        ("https://example.com\x00.evil.org", "example.com"),
        ("https://example.com%2eevil.org", "example.com"),
        ("https://example.com\t", "example.com"),
        ("https://exam\xadple.com", "example.com"),
        ("https:example.com", "example.com"),
        ("https:///example.com", "example.com"),
        ("https://example.com:443:443", "example.com"),
        ("https://example.com:+443", "example.com"),
        ("https://example.com:4431", "example.com:443"),
        ("http://127.1", "127.0.0.1"),
        ("http://2130706433", "127.0.0.1"),
        ("http://localhost", "127.0.0.1"),
        ("http://[::ffff:127.0.0.1]", "127.0.0.1"),
    ],
)
def test_a_page_of_another_origin_may_not(origin: str, host: str) -> None:
    assert problem(origin, host) is not None


def test_what_is_no_browser_sends_no_origin_and_may_connect() -> None:
    assert origin_problem([(b"host", b"example.com")], frozenset()) is None
    assert origin_problem([], frozenset()) is None


@pytest.mark.parametrize("name", [b"Origin", b"ORIGIN", b"origin"])
def test_the_case_of_a_header_name_makes_no_difference(name: bytes) -> None:
    headers = [(name, b"https://example.com"), (name.title().replace(b"Origin", b"Host"), b"a.org")]
    assert origin_problem(headers, frozenset()) is not None
    headers = [(name, b"https://example.com"), (b"HOST", b"example.com")]
    assert origin_problem(headers, frozenset()) is None


@pytest.mark.parametrize(
    ("origins", "hosts"),
    [
        (["https://example.com", "https://example.com"], ["example.com"]),
        (["https://example.com", "https://evil.org"], ["example.com"]),
        (["https://evil.org", "https://example.com"], ["example.com"]),
        (["https://example.com"], []),
        (["https://example.com"], ["example.com", "example.com"]),
        (["https://example.com"], ["evil.org", "example.com"]),
        (["https://example.com"], ["example.com", "evil.org"]),
    ],
)
def test_two_origins_or_two_hosts_or_none_are_not_the_same(
    origins: list[str], hosts: list[str]
) -> None:
    """No browser sends them; which one counts is anyone's guess."""
    assert problem(origins, hosts) is not None


# --------------------------------------------------------------------------------- allowed_origins


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://app.example.com", ["https://app.example.com"]),
        ("https://app.example.com", ["https://other.org", "https://app.example.com"]),
        ("https://app.example.com", {"https://app.example.com"}),
        ("https://app.example.com", ("HTTPS://App.Example.com:443",)),
        ("HTTPS://App.Example.com:443", ["https://app.example.com"]),
        ("https://app.example.com", (f"https://{name}.example.com" for name in ("app", "www"))),
        ("http://localhost:3000", ["http://localhost:3000"]),
        ("http://localhost:80", ["http://localhost"]),
        ("chrome-extension://abcdef", ["chrome-extension://abcdef"]),
        ("null", ["null"]),
    ],
)
def test_a_listed_origin_may_connect(origin: str, allowed: Any) -> None:
    assert problem(origin, allowed=allowed) is None


def test_a_listed_origin_may_connect_whatever_the_host_is() -> None:
    allowed = ["https://app.example.com"]
    assert problem("https://app.example.com", [], allowed=allowed) is None
    assert problem("https://app.example.com", ["a.org", "b.org"], allowed=allowed) is None


def test_the_servers_own_may_connect_beside_those_listed() -> None:
    assert problem("https://example.com", allowed=["https://other.org"]) is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.org",
        "http://app.example.com",  # the scheme is part of what is listed
        "https://app.example.com:8443",
        "https://app.example.com.evil.org",
        "https://xapp.example.com",
        "https://app.example.com/",
        "https://user@app.example.com",
        "null",
        "*",
        "",
    ],
)
def test_an_origin_that_is_not_listed_may_not(origin: str) -> None:
    assert problem(origin, allowed=["https://app.example.com"]) is not None


def test_an_origin_sent_twice_may_not_though_it_is_listed() -> None:
    origin = "https://app.example.com"
    assert problem([origin, origin], allowed=[origin]) is not None


@pytest.mark.parametrize("allowed", ["*", ["*"], ["https://a.org", "*"]])
@pytest.mark.parametrize(
    "origin", ["https://evil.org", "null", "", "*", ["https://a.org", "https://b.org"]]
)
def test_a_star_lets_every_origin_connect(origin: Any, allowed: Any) -> None:
    assert problem(origin, allowed=allowed) is None


@pytest.mark.parametrize(
    "origin",
    [
        "app.example.com",
        "https://",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://user@app.example.com",
        "https://app.example.com:port",
        "https://a.org https://b.org",
        "",
    ],
)
def test_what_is_no_origin_cannot_be_listed(origin: str) -> None:
    with pytest.raises(ValueError, match="is not an origin") as caught:
        check_origins([origin])
    assert str(caught.value) == (
        f"{origin!r} is not an origin; write it like 'https://example.com', with no path"
    )


@pytest.mark.parametrize(
    "origin", ["https://*.example.com", "https://*", "*.example.com", "**", "https://a.org:*"]
)
def test_a_wildcard_is_no_origin(origin: str) -> None:
    """It would let nobody in, silently."""
    with pytest.raises(ValueError, match="wildcard") as caught:
        check_origins([origin])
    assert str(caught.value) == (
        f"{origin!r} has a wildcard: list every origin, or '*' alone for all there are"
    )


def test_a_single_string_is_no_list_of_origins() -> None:
    with pytest.raises(
        TypeError, match=r"^allowed_origins is .*; write \['https://example\.com'\]$"
    ):
        check_origins("https://example.com")


@pytest.mark.parametrize("origin", [1, None, b"https://example.com"])
def test_an_origin_is_a_string(origin: Any) -> None:
    with pytest.raises(TypeError) as caught:
        check_origins(["https://example.com", origin])
    assert str(caught.value) == f"allowed_origins is a list of strings, and {origin!r} is none"


@pytest.mark.parametrize("allowed", [5, None])
def test_what_is_no_list_of_origins_is_a_type_error(allowed: Any) -> None:
    with pytest.raises(TypeError) as caught:
        check_origins(allowed)
    assert str(caught.value) == f"allowed_origins is a list of strings, not {allowed} ([]: none)"


# ------------------------------------------------------------------------------- what is said


@pytest.mark.parametrize(
    ("origins", "hosts", "text"),
    [
        (
            "https://evil.org",
            "example.com",
            (
                "origin 'https://evil.org' is not the server's own (its host is 'example.com');"
                " the option allowed_origins lets it in"
            ),
        ),
        (
            "null",
            [],
            (
                "origin 'null' is not the server's own (its host is missing);"
                " the option allowed_origins lets it in"
            ),
        ),
        (
            ["https://a.org", "https://b.org", "https://c.org"],
            ["a.org", "b.org", "c.org"],
            (
                "origin 'https://a.org', 'https://b.org' is not the server's own"
                " (its host is 'a.org', 'b.org'); the option allowed_origins lets it in"
            ),
        ),
        (
            "a\r\n\x1b[31m",
            "b\r\n",
            (
                "origin 'a\\r\\n\\x1b[31m' is not the server's own (its host is 'b\\r\\n');"
                " the option allowed_origins lets it in"
            ),
        ),
    ],
)
def test_a_refusal_says_which_origin_which_host_and_which_option(
    origins: Any, hosts: Any, text: str
) -> None:
    assert problem(origins, hosts) == text


def test_a_refusal_shows_no_more_than_the_start_of_a_long_origin() -> None:
    said = problem("https://" + "x" * 10_000)
    assert said is not None
    assert len(said) < 300


@pytest.mark.parametrize(
    ("rejection", "plain"),
    [
        (Rejection(403), True),
        (Rejection(403, text="for the log", setting="x", level=30), True),
        (Rejection(403, "members only"), False),
        (Rejection(403, headers=[(b"x", b"y")]), False),
        (Rejection(401), False),
    ],
)
def test_a_rejection_is_plain_where_a_plain_close_says_as_much(
    rejection: Rejection, plain: bool
) -> None:
    assert rejection.is_plain is plain


def test_a_foreign_page_is_refused_with_403_and_an_operator_is_told() -> None:
    assert foreign("why") == (403, "", (), "why", "allowed_origins", logging.WARNING)


# --------------------------------------------------------------------------------- as a rule

hosts = st.from_regex(r"[a-z0-9.-]{1,6}", fullmatch=True)
ports = st.none() | st.sampled_from([80, 443, 8000])
schemes = st.sampled_from(["http", "https"])
latin1 = st.text(st.characters(max_codepoint=255))


def joined(host: str, port: int | None) -> str:
    return host if port is None else f"{host}:{port}"


@bounded
@given(schemes, hosts, ports, hosts, ports)
def test_an_origin_is_the_same_where_host_and_port_are(
    scheme: str, host: str, port: int | None, own_host: str, own_port: int | None
) -> None:
    """A port left out is the default one of the Origin's scheme."""
    default = {"http": 80, "https": 443}[scheme]
    same = host == own_host and (port or default) == (own_port or default)
    found = problem(f"{scheme}://{joined(host, port)}", joined(own_host, own_port))
    assert (found is None) == same
    found = problem(f"{scheme}://{joined(host, port)}", joined(host, own_port))
    assert (found is None) == ((port or default) == (own_port or default))


@bounded
@given(latin1)
def test_no_origin_but_the_servers_own_or_a_listed_one_gets_in(origin: str) -> None:
    assert problem(origin, allowed=["https://other.org"]) is not None


@bounded
@given(st.lists(latin1, max_size=3), st.lists(latin1, min_size=1, max_size=3))
def test_a_refusal_is_one_line_of_bounded_length(own: list[str], origins: list[str]) -> None:
    said = problem(origins, own)
    if said is not None:
        assert said.isprintable()
        assert len(said) < 600


# --------------------------------------------------------------------------------- subprotocols


@pytest.mark.parametrize(
    ("ours", "offered", "chosen"),
    [
        ((), [], None),
        ((), ["a"], None),
        (("a",), [], None),
        (("a",), ["b"], None),
        (("a",), ["a"], "a"),
        (("a", "b"), ["b", "a"], "a"),  # ours are in our order of preference
        (("a", "b"), ["c", "b"], "b"),
        (("a",), ["A"], None),
        (("a",), [""], None),
        (("a",), ("a",), "a"),
    ],
)
def test_the_first_of_ours_that_was_offered_is_chosen(
    ours: tuple[str, ...], offered: Any, chosen: str | None
) -> None:
    assert choose_subprotocol(None, ours, offered) == chosen


def test_one_that_is_named_wins_over_ours() -> None:
    assert choose_subprotocol("b", ("a",), ["a", "b"]) == "b"


@pytest.mark.parametrize(
    ("named", "offered", "offer"),
    [
        ("b", ["a"], "['a']"),
        ("b", ["a", "", "c"], "['a', 'c']"),
        ("b", [], "none"),
        ("b", [""], "none"),
        ("", [""], "none"),
        ("a", ["A"], "['A']"),
        ("a\r\nb", ["a"], "['a']"),
        ("b", ["a\r\n"], r"['a\r\n']"),
    ],
)
def test_one_that_is_named_must_have_been_offered(
    named: str, offered: list[str], offer: str
) -> None:
    with pytest.raises(ValueError, match="did not offer") as caught:
        choose_subprotocol(named, (), offered)
    assert str(caught.value) == (
        f"cannot accept subprotocol {named!r}: the peer did not offer it (it offered {offer})"
    )


@pytest.mark.parametrize("named", ["a b", "a\r\nb", "\0", "é"])
def test_one_that_is_no_token_is_not_accepted_even_if_offered(named: str) -> None:
    """It would go into a header."""
    with pytest.raises(ValueError, match=r"^cannot accept subprotocol"):
        choose_subprotocol(named, (), [named])


def test_an_offer_of_thousands_is_shown_shortened() -> None:
    with pytest.raises(ValueError, match="did not offer") as caught:
        choose_subprotocol("b", (), [f"a{n}" for n in range(10_000)])
    assert len(str(caught.value)) < 250


@bounded
@given(st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd")))
def test_what_is_chosen_is_ours_and_offered_and_none_before_it_was(
    ours: list[str], offered: list[str]
) -> None:
    chosen = choose_subprotocol(None, tuple(ours), offered)
    if chosen is None:
        assert not set(ours) & set(offered)
    else:
        assert chosen in offered
        assert not set(ours[: ours.index(chosen)]) & set(offered)


@pytest.mark.parametrize(
    ("given_as", "settled"), [((), ()), ([], ()), (["b", "a"], ("b", "a")), (("v1.x",), ("v1.x",))]
)
def test_the_option_subprotocols_keeps_its_order(given_as: Any, settled: tuple[str, ...]) -> None:
    assert check_subprotocols(given_as) == settled


@pytest.mark.parametrize("subprotocol", ["", "a b", "a,b", "a\r\n", "é"])
def test_the_option_subprotocols_takes_tokens_only(subprotocol: str) -> None:
    with pytest.raises(ValueError, match="token") as caught:
        check_subprotocols(["a", subprotocol])
    assert str(caught.value) == f"subprotocol {subprotocol!r} is not a token"


def test_the_option_subprotocols_is_no_single_string() -> None:
    with pytest.raises(TypeError, match=r"^subprotocols is a list.*; write \['chat'\]$"):
        check_subprotocols("chat")


@pytest.mark.parametrize("subprotocols", [[1], ["a", None], [b"chat"], b"chat", 5, None])
def test_the_option_subprotocols_holds_strings(subprotocols: Any) -> None:
    with pytest.raises(TypeError, match=r"^subprotocols is a list"):
        check_subprotocols(subprotocols)


# --------------------------------------------------------------------------------------- denial


@pytest.mark.parametrize(
    ("scope", "offered"),
    [
        ({"extensions": {"websocket.http.response": {}}}, True),
        ({"extensions": {"websocket.http.response": {}, "tls": {}}}, True),
        ({"extensions": {}}, False),
        ({"extensions": {"tls": {}}}, False),
        ({"extensions": None}, False),
        ({}, False),
    ],
)
def test_a_server_offers_to_answer_with_http_in_its_scopes_extensions(
    scope: dict[str, Any], offered: Literal[True, False]
) -> None:
    assert offers_denial(scope) is offered
