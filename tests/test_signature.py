"""A handler's signature: what users write, what it says, and what can be wrong with it."""

import functools
import inspect
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal, get_type_hints

import fastapi
import litestar.params
import pytest
from pydantic import Field
from typing_extensions import TypeAliasType

from websocket_kit import WebSocket, endpoint
from websocket_kit._signature import (
    MISSING,
    Cookie,
    Handler,
    Header,
    Parameter,
    Query,
    check_no_marks,
    check_types,
    handler_name,
    is_websocket,
    names_around,
    query,
    read_signature,
)
from websocket_kit.errors import InvalidRouteError

POSITIVE = Field(gt=0)
Chat = TypeAliasType("Chat", WebSocket[int, str])
Page = TypeAliasType("Page", Annotated[int, POSITIVE])
PageHeader = TypeAliasType("PageHeader", Annotated[Page, POSITIVE, Header("x-page")])
NOT_ASYNC = "is not async: write 'async def'"


def inputs(handler: Any, **names: Any) -> dict[str, tuple[Any, ...]]:
    """Each input's type, mark, default and whether @query declares it."""
    parameters = read_signature(handler, names).parameters
    return {name: (tp, mark, default, declared) for name, tp, mark, default, declared in parameters}


def refusal(handler: Any) -> str:
    with pytest.raises(InvalidRouteError) as caught:
        read_signature(handler, {})
    return str(caught.value)


# ------------------------------------------------------------------------------- the WebSocket


async def bare(ws: object) -> None: ...
async def plain(ws: WebSocket) -> None: ...
async def typed(ws: WebSocket[int, str]) -> None: ...
async def with_union(ws: WebSocket[int | str, list[int]]) -> None: ...
async def annotated(ws: Annotated[WebSocket[int, str], "a note"]) -> None: ...
async def anything(ws: Any) -> None: ...
async def in_quotes(ws: "WebSocket[int, 'str']") -> None: ...
async def of_alias(ws: Chat) -> None: ...
async def positional(ws: WebSocket[int, str], /) -> None: ...


bare.__annotations__.clear()


@pytest.mark.parametrize(
    ("handler", "receives", "sends"),
    [
        (bare, str, Any),
        (plain, str, Any),
        (anything, str, Any),
        (typed, int, str),
        (with_union, int | str, list[int]),
        (annotated, int, str),
        (in_quotes, int, str),
        (of_alias, int, str),
        (positional, int, str),
    ],
)
def test_the_first_parameters_annotation_sets_what_is_received_and_sent(
    handler: Handler, receives: Any, sends: Any
) -> None:
    signature = read_signature(handler, {})
    assert (signature.receives, signature.sends) == (receives, sends)
    assert signature.parameters == ()


def test_only_what_is_received_may_be_said() -> None:
    async def chat(ws: WebSocket[int]) -> None: ...

    assert read_signature(chat, {}).receives is int


@pytest.mark.parametrize(
    ("tp", "expected"),
    [
        (WebSocket, True),
        (WebSocket[int], True),
        (WebSocket[int, str], True),
        (Annotated[WebSocket, "a note"], True),
        (Annotated[WebSocket[int, str], "a note"], True),
        (Chat, True),
        (Annotated[Chat, "a note"], True),
        (int, False),
        (list[WebSocket], False),
        (WebSocket | None, False),
        (Any, False),
        (Annotated[int, WebSocket], False),
    ],
    ids=str,
)
def test_a_type_is_our_websocket_or_is_not(tp: Any, expected: Literal[True, False]) -> None:
    assert is_websocket(tp) is expected


# -------------------------------------------------------------------------------------- inputs


def test_an_input_is_what_follows_with_its_type_mark_and_default() -> None:
    async def chat(
        ws: WebSocket,
        room: str,
        n: int = 5,
        q: Annotated[str, Query(alias="search")] = "",
        token: Annotated[str | None, Header()] = None,
        session: Annotated[str, Cookie(alias="sid")] = "x",
        *,
        page: Annotated[int, POSITIVE] = 1,
    ) -> None: ...

    assert inputs(chat) == {
        "room": (str, None, MISSING, False),
        "n": (int, None, 5, False),
        "q": (str, Query("search"), "", False),
        "token": (str | None, Header(), None, False),
        "session": (str, Cookie("sid"), "x", False),
        "page": (Annotated[int, POSITIVE], None, 1, False),
    }


def test_an_input_without_an_annotation_has_no_type() -> None:
    async def chat(ws: object, room: object, n: object = 5) -> None: ...

    chat.__annotations__.clear()
    assert inputs(chat) == {"room": (MISSING, None, MISSING, False), "n": (MISSING, None, 5, False)}


@pytest.mark.parametrize("mark", [Query, Header, Cookie])
def test_a_mark_may_be_written_without_its_parentheses(mark: Any) -> None:
    async def chat(ws: WebSocket, x: object) -> None: ...

    chat.__annotations__["x"] = Annotated[int, mark]
    assert inputs(chat) == {"x": (int, mark(), MISSING, False)}


def test_a_mark_leaves_the_other_annotations() -> None:
    async def chat(ws: WebSocket, x: Annotated[int, POSITIVE, Query(), "a note"]) -> None: ...

    [(tp, mark, _, _)] = inputs(chat).values()
    assert tp == Annotated[int, POSITIVE, "a note"]
    assert mark == Query()


def test_of_two_marks_the_last_one_counts() -> None:
    """As where an alias of an Annotated type is annotated again."""

    async def chat(ws: WebSocket, x: Annotated[int, Query(), Header()]) -> None: ...

    assert inputs(chat)["x"][1] == Header()


def test_a_mark_on_a_member_of_a_union_is_the_unions() -> None:
    from_header: Any = Annotated[str, Header()]
    positive: Any = Annotated[int, POSITIVE, Cookie("n")]
    bare_positive: Any = Annotated[int, POSITIVE]

    async def chat(ws: WebSocket, x: object, y: object, z: int | str) -> None: ...

    chat.__annotations__ |= {"x": from_header | None, "y": positive | str | None}
    assert inputs(chat) == {
        "x": (str | None, Header(), MISSING, False),
        "y": (bare_positive | str | None, Cookie("n"), MISSING, False),
        "z": (int | str, None, MISSING, False),
    }


def test_a_mark_in_a_type_alias_counts_and_an_alias_without_one_stays() -> None:
    async def chat(
        ws: WebSocket,
        x: PageHeader,
        y: PageHeader | None,
        z: Page,
        inside: Annotated[PageHeader, "a note"],
        over: Annotated[PageHeader, Query()],
    ) -> None: ...

    bare: Any = Annotated[Page, POSITIVE]
    assert inputs(chat) == {
        "x": (bare, Header("x-page"), MISSING, False),
        "y": (bare | None, Header("x-page"), MISSING, False),
        "z": (Page, None, MISSING, False),
        "inside": (Annotated[bare, "a note"], Header("x-page"), MISSING, False),
        "over": (bare, Query(), MISSING, False),
    }


def test_marks_compare_by_where_and_alias() -> None:
    assert Query() == Query()
    assert Query("a") != Query("b")
    assert (Query.where, Header.where, Cookie.where) == ("query", "header", "cookie")


# ------------------------------------------------------------------------- names in annotations


def test_an_annotation_in_quotes_is_looked_up_among_the_names_around() -> None:
    class Local: ...

    async def chat(ws: "WebSocket", x: "Annotated[Local, Query()]", y: "list['Local']") -> None: ...

    assert inputs(chat, Local=Local) == {
        "x": (Local, Query(), MISSING, False),
        "y": (list[Local], None, MISSING, False),
    }


def test_names_around_are_those_of_the_callers_caller() -> None:
    def decorator() -> Any:
        return names_around()

    local = 5
    assert decorator()["local"] == local


def test_a_name_that_cannot_be_found_is_named() -> None:
    async def chat(ws: WebSocket, x: object) -> None: ...

    chat.__annotations__["x"] = "Missing"
    name = chat.__qualname__
    assert refusal(chat) == (
        f"handler {name!r}: the name 'Missing' in its annotations can't be found when the route is"
        " defined; import it outside 'if TYPE_CHECKING' and define it before"
    )


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        (
            "WebSocket[",
            "SyntaxError: Forward reference must be an expression -- got 'WebSocket['",
        ),
        (
            "WebSocket.Missing",
            "AttributeError: type object 'WebSocket' has no attribute 'Missing'",
        ),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_an_annotation_that_cannot_be_read_is_shown(annotation: str, problem: str) -> None:
    async def chat(ws: object) -> None: ...

    chat.__annotations__["ws"] = annotation
    assert refusal(chat) == (
        f"handler {chat.__qualname__!r}: an annotation in quotes can't be read: {problem}"
    )


# ------------------------------------------------------------------------------------ messages


@pytest.mark.parametrize(("receives", "sends"), [(str, Any), (int, list[int]), (int | str, str)])
def test_the_types_of_messages_are_made_ready_when_the_route_is_defined(
    receives: Any, sends: Any
) -> None:
    types = check_types("chat", receives, sends)
    assert types.encode([1]) == "[1]"
    assert (types.cast is None) == (receives is str)


@pytest.mark.parametrize(("receives", "sends"), [(range, str), (str, range)])
def test_a_type_of_messages_that_pydantic_does_not_know_is_refused(
    receives: Any, sends: Any
) -> None:
    with pytest.raises(InvalidRouteError) as caught:
        check_types("chat", receives, sends)
    assert str(caught.value).startswith(
        "handler 'chat': cannot cast to range: pydantic can't validate it ("
    )


# ---------------------------------------------------------------------------- kinds of handlers


class Room:
    """A callable object, with a method that is a handler too."""

    async def __call__(self, ws: WebSocket[int, str], room: str) -> None: ...

    async def method(self, ws: WebSocket[int, str], room: str) -> None: ...

    @classmethod
    async def of_class(cls, ws: WebSocket[int, str], room: str) -> None: ...

    @staticmethod
    async def static(ws: WebSocket[int, str], room: str) -> None: ...


async def function(ws: WebSocket[int, str], room: str) -> None: ...


def logged(handler: Any) -> Any:
    """A handler in a decorator's wrapper."""

    @functools.wraps(handler)
    async def wrapper(*args: Any, **kwargs: Any) -> None: ...

    return wrapper


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        (function, "function"),
        (Room(), "Room"),
        (Room().method, "Room.method"),
        (Room.of_class, "Room.of_class"),
        (Room.static, "Room.static"),
        (logged(function), "function"),
        (logged(logged(Room().method)), "Room.method"),
        (logged(functools.partial(function)), "logged.<locals>.wrapper"),
        (functools.partial(logged(functools.partial(function))), "logged.<locals>.wrapper"),
        (functools.partial(function), "function"),
        (functools.partial(Room()), "Room"),
        (functools.partial(functools.partial(Room().method)), "Room.method"),
    ],
)
def test_a_handler_is_whatever_is_called_and_is_async(handler: Handler, name: str) -> None:
    signature = read_signature(handler, {})
    assert (signature.name, signature.receives, signature.sends) == (name, int, str)
    assert signature.parameters == (Parameter("room", str, None, MISSING, declared=False),)


def test_what_a_partial_has_filled_in_by_position_is_no_input() -> None:
    async def chat(store: dict[str, str], ws: WebSocket[int, str], room: str) -> None: ...

    assert inputs(functools.partial(chat, {})) == {"room": (str, None, MISSING, False)}


def test_what_a_partial_has_filled_in_by_name_is_no_input() -> None:
    """Else the peer could fill it in anew."""

    async def chat(ws: WebSocket, room: str, *, store: dict[str, str]) -> None: ...

    assert inputs(functools.partial(chat, store={})) == {"room": (str, None, MISSING, False)}


def test_what_a_partial_inside_a_wrapper_has_filled_in_is_no_input() -> None:
    @query("m", int)
    async def chat(ws: WebSocket, room: str, m: object, *, n: int) -> None: ...

    handler = functools.partial(logged(functools.partial(chat, n=1)), room="lobby")
    assert inputs(handler) == {"m": (int, None, MISSING, True)}


def test_what_a_partial_has_filled_in_before_a_parameter_leaves_that_an_input() -> None:
    async def chat(ws: WebSocket, store: dict[str, str], room: str = "lobby") -> None: ...

    assert inputs(functools.partial(chat, store={})) == {"room": (str, None, "lobby", False)}


def not_async(ws: WebSocket) -> None: ...


class NotAsync:
    def __call__(self, ws: WebSocket) -> None: ...


async def generates(ws: WebSocket) -> AsyncIterator[None]:
    yield


class Method:
    async def serves(self, ws: WebSocket) -> None: ...


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        (not_async, "not_async"),
        (NotAsync(), "NotAsync"),
        (functools.partial(not_async), "not_async"),
        (print, "print"),
        (Room, "Room"),  # the class: calling it makes an object, and runs nothing
        ("chat", "str"),
        (None, "NoneType"),
    ],
)
def test_a_handler_that_is_not_async_is_refused(handler: Any, name: str) -> None:
    with pytest.raises(InvalidRouteError) as caught:
        handler_name(handler)
    assert str(caught.value) == f"handler {name!r} {NOT_ASYNC}"


class Generates:
    async def __call__(self, ws: WebSocket) -> AsyncIterator[None]:  # noqa: ARG002
        yield


@pytest.mark.parametrize(
    ("handler", "name"), [(generates, "generates"), (Generates(), "Generates")]
)
def test_a_handler_that_yields_is_refused(handler: Any, name: str) -> None:
    assert refusal(handler) == (
        f"handler {name!r} is a generator: send with 'await ws.send(...)', not with 'yield'"
    )


# ------------------------------------------------------------------------- what can be wrong


async def no_parameter() -> None: ...
async def keyword_only(*, ws: WebSocket) -> None: ...
async def any_number(*args: WebSocket) -> None: ...
async def other_first(room: str, ws: WebSocket) -> None: ...
async def maybe(ws: WebSocket | None) -> None: ...
async def with_args(ws: WebSocket, *rooms: str) -> None: ...
async def with_kwargs(ws: WebSocket, **rooms: str) -> None: ...
async def position_only(ws: WebSocket, room: str, /) -> None: ...
async def mark_default(ws: WebSocket, token: object = Header()) -> None: ...
async def query_default(ws: WebSocket, q: object = Query(alias="x")) -> None: ...
async def cookie_default(ws: WebSocket, sid: object = Cookie()) -> None: ...


Found = TypeAliasType("Found", Annotated[str, fastapi.Header()])


async def depends(ws: WebSocket, user: Annotated[str | None, fastapi.Depends(len)]) -> None: ...
async def depends_before(ws: WebSocket, user: str = fastapi.Depends(len)) -> None: ...
async def their_cookie(ws: WebSocket, user: Annotated[str, fastapi.Cookie()]) -> None: ...
async def their_header(ws: WebSocket, user: Found | None = None) -> None: ...
async def their_query(ws: WebSocket, user: str = fastapi.Query("Ada")) -> None: ...
async def litestars(ws: WebSocket, user: Annotated[str, litestar.params.Parameter()]) -> None: ...
async def their_socket(ws: fastapi.WebSocket) -> None: ...


@pytest.mark.parametrize(
    ("handler", "mark"),
    [
        (depends, "FastAPI's Depends"),
        (depends_before, "FastAPI's Depends"),
        (their_cookie, "FastAPI's Cookie"),
        (their_header, "FastAPI's Header"),
        (their_query, "FastAPI's Query"),
        (litestars, "Litestar's ParameterKwarg"),
    ],
)
def test_a_frameworks_mark_is_refused_and_not_read_from_the_query(handler: Any, mark: str) -> None:
    assert refusal(handler) == (
        f"handler {handler.__name__!r}: parameter 'user' is marked with {mark}, which a router"
        " doesn't know and would read from the query: import Query, Header or Cookie from"
        " websocket_kit; in FastAPI, @endpoint keeps the framework's own injection"
    )


def test_starlettes_websocket_is_told_from_ours() -> None:
    assert refusal(their_socket) == (
        "handler 'their_socket': the first parameter, 'ws', is Starlette's WebSocket; the WebSocket"
        " comes first: 'ws: WebSocket', imported from websocket_kit"
    )


@endpoint
async def for_starlette(ws: WebSocket) -> None: ...


def test_an_endpoint_for_starlette_is_refused_under_a_router() -> None:
    assert refusal(for_starlette) == (
        "handler 'for_starlette' is under @endpoint, which is for routes of Starlette and FastAPI:"
        " leave @endpoint out"
    )


@query("sid")
async def declares(ws: WebSocket, sid: str) -> None: ...
async def our_cookie(ws: WebSocket, sid: Annotated[str, Cookie()]) -> None: ...
async def no_mark(ws: WebSocket, sid: Annotated[str, POSITIVE]) -> None: ...


@pytest.mark.parametrize(("handler", "kind"), [(our_cookie, "Cookie"), (declares, "Query")])
def test_our_mark_is_refused_where_a_framework_reads_the_inputs(handler: Any, kind: str) -> None:
    with pytest.raises(InvalidRouteError) as caught:
        check_no_marks("chat", handler, get_type_hints(handler, include_extras=True))
    assert str(caught.value) == (
        f"handler 'chat': parameter 'sid' is marked with websocket_kit's {kind}, and under"
        f" @endpoint the framework reads the inputs: import {kind} from fastapi"
    )


def test_a_constraint_is_no_mark() -> None:
    check_no_marks("chat", no_mark, get_type_hints(no_mark, include_extras=True))


TAKES_NONE = "takes no WebSocket: make it the first parameter, 'ws: WebSocket'"
COMES_FIRST = "the WebSocket comes first: 'ws: WebSocket', imported from websocket_kit"


@pytest.mark.parametrize(
    ("handler", "text"),
    [
        (not_async, f"handler 'not_async' {NOT_ASYNC}"),
        (no_parameter, f"handler 'no_parameter' {TAKES_NONE}"),
        (keyword_only, f"handler 'keyword_only' {TAKES_NONE}"),
        (any_number, f"handler 'any_number' {TAKES_NONE}"),
        (
            other_first,
            f"handler 'other_first': the first parameter, 'room', is a str; {COMES_FIRST}",
        ),
        (
            maybe,
            (
                "handler 'maybe': the first parameter, 'ws', is a"
                f" websocket_kit.connection.WebSocket | None; {COMES_FIRST}"
            ),
        ),
        (
            Method.serves,
            (
                "handler 'Method.serves': parameter 'ws' is a WebSocket, which comes first and"
                " once; of a method, give the bound one (Chat().handler)"
            ),
        ),
        (
            with_args,
            (
                "handler 'with_args': parameter 'rooms' takes any number of inputs:"
                " name each input as a parameter of its own"
            ),
        ),
        (
            with_kwargs,
            (
                "handler 'with_kwargs': parameter 'rooms' takes any number of inputs:"
                " name each input as a parameter of its own"
            ),
        ),
        (
            position_only,
            (
                "handler 'position_only': parameter 'room' can't be given by name:"
                " move the '/' in the signature before it"
            ),
        ),
        (
            mark_default,
            (
                "handler 'mark_default': parameter 'token' has a mark as its default:"
                " write 'token: Annotated[T, Header()]'"
            ),
        ),
        (
            query_default,
            (
                "handler 'query_default': parameter 'q' has a mark as its default:"
                " write 'q: Annotated[T, Query()]'"
            ),
        ),
        (
            cookie_default,
            (
                "handler 'cookie_default': parameter 'sid' has a mark as its default:"
                " write 'sid: Annotated[T, Cookie()]'"
            ),
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_way_to_mend_it(handler: Any, text: str) -> None:
    assert refusal(handler) == text


# -------------------------------------------------------------------------------------- @query


def test_query_declares_an_input_without_an_annotation() -> None:
    @query("name", str, default="guest")
    @query("n", int)
    async def chat(ws: object, name: object, n: object) -> None: ...

    chat.__annotations__.clear()
    assert inputs(chat) == {
        "name": (str, None, "guest", True),
        "n": (int, None, MISSING, True),
    }


def test_query_with_several_types_makes_a_union_in_their_order() -> None:
    @query("x", int, str, None)
    async def chat(ws: WebSocket, x: object) -> None: ...

    assert inputs(chat)["x"][0] == int | str | None
    assert inputs(chat)["x"][0].__args__ == (int, str, type(None))


def test_query_without_types_takes_the_annotations() -> None:
    @query("n", default=1)
    async def chat(ws: WebSocket, n: Annotated[int, POSITIVE]) -> None: ...

    assert inputs(chat) == {"n": (Annotated[int, POSITIVE], None, 1, True)}


def test_query_with_types_wins_over_the_annotation() -> None:
    @query("n", Literal[1, 2])
    async def chat(ws: WebSocket, n: int) -> None: ...

    assert inputs(chat)["n"][0] == Literal[1, 2]


def test_query_without_a_default_leaves_the_parameters() -> None:
    @query("n", int)
    async def chat(ws: WebSocket, n: int = 5) -> None: ...

    assert inputs(chat)["n"] == (int, None, 5, True)


def test_query_with_a_default_wins_over_the_parameters() -> None:
    @query("n", int, default=None)
    async def chat(ws: WebSocket, n: int | None = 5) -> None: ...

    assert inputs(chat)["n"] == (int, None, None, True)


def test_query_gives_the_handler_back() -> None:
    async def chat(ws: WebSocket, n: int) -> None: ...

    assert query("n", int)(chat) is chat


@pytest.mark.parametrize(
    "declared", [functools.partial(function), Room()], ids=["partial", "object"]
)
def test_query_goes_on_whatever_can_be_a_handler(declared: Any) -> None:
    assert inputs(query("room", int)(declared)) == {"room": (int, None, MISSING, True)}


def test_query_goes_on_a_partial_of_a_function_with_a_query() -> None:
    @query("n", int)
    async def chat(ws: WebSocket, n: int) -> None: ...

    assert inputs(functools.partial(chat))["n"] == (int, None, MISSING, True)


def test_query_of_what_a_partial_has_filled_in_makes_no_input() -> None:
    @query("n", int)
    @query("m", int)
    async def chat(ws: WebSocket, n: int, m: int) -> None: ...

    assert inputs(functools.partial(chat, n=5)) == {"m": (int, None, MISSING, True)}


def test_query_on_a_bound_method_is_refused() -> None:
    above: Callable[[Any], Any] = query("n", int)
    with pytest.raises(InvalidRouteError) as caught:
        above(Room().method)
    assert str(caught.value).startswith("@query('n') can't be kept on <bound method Room.method of")
    assert str(caught.value).endswith(">: annotate its parameter 'n' instead")


def test_query_of_an_input_the_handler_has_no_parameter_for_is_refused() -> None:
    @query("nmae", str)
    @query("x", str)
    async def chat(ws: WebSocket, name: str) -> None: ...

    assert refusal(chat) == (
        f"handler {chat.__qualname__!r} has no parameter for @query('nmae'): add one named 'nmae'"
    )


def test_query_of_the_websocket_is_refused() -> None:
    @query("ws", str)
    async def chat(ws: WebSocket) -> None: ...

    assert "has no parameter for @query('ws')" in refusal(chat)


def test_query_twice_for_one_name_is_refused() -> None:
    async def chat(ws: WebSocket, n: int) -> None: ...

    once = query("n", int)(chat)
    with pytest.raises(InvalidRouteError) as caught:
        query("n", str)(once)
    assert str(caught.value) == "@query('n') is there twice: leave one out"


def test_query_above_the_route_decorator_is_refused() -> None:
    """A route is recognised by its handler."""

    class Route:
        handler = function

    above: Callable[[Any], Any] = query("n", int)
    with pytest.raises(InvalidRouteError) as caught:
        above(Route())
    assert str(caught.value) == (
        "@query('n') stands above the route decorator:"
        " put it between the route decorator and the function"
    )


def test_a_default_that_is_missing_is_told_from_none() -> None:
    assert MISSING is inspect.Parameter.empty
