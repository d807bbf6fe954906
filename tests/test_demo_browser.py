"""The chat's page, in a real browser: what people see of each other, and of a lost connection."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    WebSocketRoute,
    expect,
    sync_playwright,
)

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
WAIT = 10.0

pytestmark = pytest.mark.skipif(  # it comes from no package index, and the rest has to pass
    CHROMIUM is None, reason="no Chromium found: name one in the environment variable CHROMIUM"
)

Visit = Callable[..., Page]
Enter = Callable[..., Page]


class Demo:
    """``python -m websocket_kit``, to be stopped and started again at one address."""

    def __init__(self) -> None:
        """Choose the address."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start, and return when it serves."""
        command = [sys.executable, "-m", "websocket_kit", "--port", str(self.port)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._process = process
        patience = threading.Timer(WAIT, process.kill)
        patience.start()
        assert process.stdout is not None
        serves = any(line.startswith("Serving") for line in process.stdout)
        patience.cancel()
        assert serves, "the demo does not start"

    def stop(self) -> None:
        """Stop, unless it is stopped."""
        if self._process is None:
            return
        with self._process as process:
            process.terminate()
            process.wait(WAIT)
        self._process = None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    expect.set_options(timeout=WAIT * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            # As root it starts only without its sandbox; the rest keeps it off the network.
            chromium_sandbox=not root,
            args=[
                "--disable-gpu",
                "--disable-quic",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """The demo, started."""
    demo = Demo()
    try:
        demo.start()
        yield demo
    finally:
        demo.stop()


@pytest.fixture
def visit(browser: Browser, demo: Demo) -> Iterator[Visit]:
    """Opens a path for somebody who has never been there; the options are a browser context's."""
    contexts: list[BrowserContext] = []

    def visit(path: str, **options: Any) -> Page:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.goto(demo.address + path)
        return page

    yield visit
    for context in contexts:
        context.close()


@pytest.fixture
def enter(visit: Visit) -> Enter:
    """Enters a room under a name, through the form."""

    def enter(name: str, room: str, **options: Any) -> Page:
        page = visit(f"/rooms/{room}", **options)
        page.get_by_label("Your name").fill(name)
        page.get_by_role("button", name="Join the room").click()
        expect(status(page)).to_have_text("connected")
        return page

    return enter


def status(page: Page) -> Locator:
    return page.get_by_role("status")


def log(page: Page) -> Locator:
    return page.get_by_role("log")


def box(page: Page) -> Locator:
    return page.get_by_label("Message", exact=True)


def people(page: Page) -> Locator:
    return page.get_by_role("complementary").get_by_role("listitem")


def say(page: Page, text: str) -> None:
    box(page).fill(text)
    box(page).press("Enter")
    expect(log(page).locator(".bubble").last).to_have_text(text)


def stop_the_clock(page: Page) -> None:
    """Let no timer of a page's run out by itself."""
    page.clock.install()
    page.clock.pause_at("2100-01-01")


# ------------------------------------------------------------------------------- being in a room


def test_two_people_in_a_room_hear_each_other(enter: Enter) -> None:
    ada, grace = enter("Ada", "talk"), enter("Grace", "talk")
    say(ada, "hello Grace")
    expect(log(grace)).to_contain_text("hello Grace")
    say(grace, "hello Ada")
    expect(log(ada)).to_contain_text("hello Ada")


def test_ones_own_messages_are_set_apart(enter: Enter) -> None:
    ada, grace = enter("Ada", "sides"), enter("Grace", "sides")
    say(ada, "mine")
    expect(log(grace).locator(".message")).to_have_class(re.compile(r"^message first$"))
    expect(log(ada).locator(".message")).to_have_class(re.compile(r"\bown\b"))


def test_everyone_sees_who_is_here(enter: Enter) -> None:
    ada, grace = enter("Ada", "people"), enter("Grace", "people")
    expect(people(ada)).to_have_text([re.compile(r"Ada\s*you"), re.compile("Grace")])
    expect(people(grace)).to_have_text([re.compile(r"Grace\s*you"), re.compile("Ada")])


def test_the_others_see_somebody_leave(enter: Enter) -> None:
    ada, grace = enter("Ada", "leaving"), enter("Grace", "leaving")
    expect(log(ada)).to_contain_text("Grace joined")
    grace.get_by_role("button", name="Leave").click()
    expect(log(ada)).to_contain_text("Grace left")
    expect(people(ada)).to_have_text(re.compile("Ada"))


def test_whoever_closes_the_page_has_left(enter: Enter) -> None:
    ada, grace = enter("Ada", "closing"), enter("Grace", "closing")
    grace.close()
    expect(log(ada)).to_contain_text("Grace left")


def test_a_name_that_is_taken_gets_a_number(enter: Enter) -> None:
    enter("Ada", "names")
    expect(log(enter("Ada", "names"))).to_contain_text("You joined as Ada 2")


def test_the_others_see_somebody_type_until_it_is_said(enter: Enter) -> None:
    ada, grace = enter("Ada", "typing"), enter("Grace", "typing")
    stop_the_clock(ada)
    box(grace).press_sequentially("hm")
    expect(ada.get_by_text("Grace is typing…")).to_be_visible()
    say(grace, "hm.")
    expect(ada.get_by_text("Grace is typing…")).to_be_hidden()


def test_who_types_and_says_nothing_is_forgotten(enter: Enter) -> None:
    ada, grace = enter("Ada", "silence"), enter("Grace", "silence")
    stop_the_clock(ada)
    box(grace).press_sequentially("hm")
    expect(ada.get_by_text("Grace is typing…")).to_be_visible()
    ada.clock.fast_forward(4_000)
    expect(ada.get_by_text("Grace is typing…")).to_be_hidden()


def test_what_peers_send_is_text_and_never_markup(enter: Enter) -> None:
    attack = "<img src=x onerror=alert(1)><b>bold</b>"
    ada, eve = enter("Ada", "markup"), enter("<i>Eve</i>", "markup")
    say(eve, attack)
    expect(log(ada).locator(".bubble")).to_have_text(attack)
    expect(people(ada).last).to_contain_text("<i>Eve</i>")
    expect(ada.locator("#chat-screen :is(img:not(.mark), b, i)")).to_have_count(0)


# ------------------------------------------------------------------------------- coming and going


def test_the_first_visit_asks_for_a_name_and_a_room(visit: Visit, demo: Demo) -> None:
    page = visit("/")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Room").fill("The engine room!")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{demo.address}/rooms/The-engine-room")
    expect(page.get_by_role("heading", name="#The-engine-room")).to_be_visible()


def test_without_a_name_nobody_gets_in(visit: Visit) -> None:
    page = visit("/")
    page.get_by_role("button", name="Join the room").click()
    expect(page.get_by_role("alert").first).to_have_text("What should the others call you?")
    expect(page.get_by_label("Your name")).to_be_focused()


def test_the_page_remembers_the_name(enter: Enter) -> None:
    page = enter("Ada", "memory")
    page.reload()
    expect(log(page)).to_contain_text("You joined as Ada")


def test_the_way_back_leads_out_of_the_room(visit: Visit) -> None:
    page = visit("/")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Join the room").click()
    expect(status(page)).to_have_text("connected")
    page.go_back()
    expect(page.get_by_role("heading", name="Step into a room")).to_be_visible()


def test_the_browser_finds_nothing_to_complain_about(visit: Visit) -> None:
    page = visit("/")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.reload()
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Join the room").click()
    expect(status(page)).to_have_text("connected")
    say(page, "hello")
    assert complaints == []


# ------------------------------------------------------------------------------- a lost connection


def test_the_page_reconnects_by_itself_when_the_server_is_back(enter: Enter, demo: Demo) -> None:
    ada, grace = enter("Ada", "restart"), enter("Grace", "restart")
    demo.stop()
    expect(status(ada)).to_have_text("reconnecting…")
    demo.start()
    expect(log(ada)).to_contain_text("Back in the room as Ada")
    expect(log(grace)).to_contain_text("Back in the room as Grace")
    expect(people(grace)).to_have_text([re.compile("Grace"), re.compile("Ada")])
    say(ada, "still here")
    expect(log(grace)).to_contain_text("still here")


def test_what_is_written_without_a_connection_stays_in_the_box(enter: Enter, demo: Demo) -> None:
    page = enter("Ada", "unsent")
    demo.stop()
    expect(status(page)).to_have_text("reconnecting…")
    expect(page.get_by_text("What you write stays in the box.")).to_be_visible()
    box(page).fill("not yet said")
    box(page).press("Enter")
    expect(box(page)).to_have_value("not yet said")
    demo.start()
    expect(status(page)).to_have_text("connected")
    expect(page.get_by_text("What you write stays in the box.")).to_be_hidden()
    expect(box(page)).to_have_value("not yet said")
    box(page).press("Enter")
    expect(log(page)).to_contain_text("not yet said")


def test_what_the_server_never_confirmed_comes_back_into_the_box(visit: Visit) -> None:
    def welcome_then_hang_up(socket: WebSocketRoute) -> None:
        def hang_up_at_what_is_said(message: str | bytes) -> None:
            if '"say"' in str(message):
                socket.close()

        socket.on_message(hang_up_at_what_is_said)
        socket.send('{"type": "welcome", "you": "Ada", "here": ["Ada"]}')

    page = visit("/")
    page.route_web_socket(re.compile("/rooms/"), welcome_then_hang_up)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Join the room").click()
    box(page).fill("did you get this?")
    box(page).press("Enter")
    expect(log(page)).to_contain_text("Connection lost")
    expect(box(page)).to_have_value("did you get this?")


# ------------------------------------------------------------------------------- on the screen


def test_it_stays_where_one_reads_until_one_asks_for_what_is_new(enter: Enter) -> None:
    ada, grace = enter("Ada", "scroll"), enter("Grace", "scroll")
    say(grace, "the beginning")
    say(grace, "\n".join("a tall message" for _ in range(60)))
    say(grace, "the end")
    expect(log(ada).get_by_text("the end")).to_be_in_viewport()
    log(ada).press("Home")
    expect(log(ada).get_by_text("the beginning")).to_be_in_viewport()
    say(grace, "something new")
    new = ada.get_by_role("button", name="New messages")
    expect(new).to_be_visible()
    expect(log(ada).get_by_text("the beginning")).to_be_in_viewport()
    new.click()
    expect(log(ada).get_by_text("something new")).to_be_in_viewport()
    expect(new).to_be_hidden()


def test_the_last_message_stays_in_sight_while_one_writes(enter: Enter) -> None:
    page = enter("Ada", "writing")
    say(page, "\n".join("a tall message" for _ in range(60)))
    say(page, "the end")
    box(page).fill("\n\n\n\n\n")
    expect(log(page).get_by_text("the end")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("width", [320, 390, 800, 1280])
def test_nothing_is_wider_than_the_screen(enter: Enter, width: int) -> None:
    page = enter("W" * 32, f"width-{width}", viewport={"width": width, "height": 640})
    say(page, "w" * 200)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("document.querySelector('#log').scrollWidth <= innerWidth")


def test_on_a_phone_a_button_shows_who_is_here(enter: Enter) -> None:
    page = enter("Ada", "phone", viewport={"width": 390, "height": 780})
    expect(people(page)).to_have_count(0)
    button = page.get_by_role("button", name="1 here")
    button.click()
    expect(people(page)).to_have_text(re.compile("Ada"))
    page.keyboard.press("Escape")
    expect(people(page)).to_have_count(0)
    expect(button).to_be_focused()
