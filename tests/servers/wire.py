"""A WebSocket client that sends exactly the bytes it is told to, and sees exactly what came.

It does what no decent client does: fragments, broken frames, half of one and then a reset, silence.
One thread uses it, every wait is bounded.
"""

from __future__ import annotations

import base64
import os
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from enum import IntEnum
from typing import NamedTuple, Self

WAIT = 5.0
# How long a server has to end the TCP connection after the closing handshake, in seconds.
HANG_UP_WAIT = 1.0


class Opcode(IntEnum):
    """What a frame is."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class Frame(NamedTuple):
    """One frame, as it came."""

    opcode: int
    payload: bytes
    final: bool


class End(NamedTuple):
    """How a connection ended, as the peer saw it.

    Attributes:
        how: ``"close"`` with a close frame, or ``"cut"``: the end of file or a reset without one.
        code: The frame's close code; None where it had none.
        reason: The frame's close reason.
    """

    how: str
    code: int | None = None
    reason: str = ""

    def __str__(self) -> str:
        """The code, and the reason if there is one."""
        if self.how != "close":
            return "no close frame"
        code = "no code" if self.code is None else str(self.code)
        return f"{code} {self.reason}" if self.reason else code


class OverError(Exception):
    """The connection has ended where a message was waited for."""

    def __init__(self, end: End) -> None:
        """Say how."""
        super().__init__(str(end))
        self.end = end


def frame(
    opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0, masked: bool = True
) -> bytes:
    """The bytes of one frame, legal or not.

    The mask is zero, which is as good a mask as any and leaves the payload readable.
    """
    mask_bit = 0x80 if masked else 0
    head = bytes([(0x80 if final else 0) | (reserved << 4) | opcode])
    size = len(payload)
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 65_536:
        head += bytes([mask_bit | 126]) + struct.pack("!H", size)
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", size)
    return head + (bytes(4) if masked else b"") + payload


def text(message: str) -> bytes:
    """The frame of a text message."""
    return frame(Opcode.TEXT, message.encode())


def binary(message: bytes) -> bytes:
    """The frame of a binary message."""
    return frame(Opcode.BINARY, message)


def close(code: int | None = None, reason: str = "") -> bytes:
    """A close frame."""
    payload = b"" if code is None else struct.pack("!H", code) + reason.encode()
    return frame(Opcode.CLOSE, payload)


def handshake(
    port: int,
    path: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    subprotocols: Iterable[str] = (),
    host: str | None = None,
) -> bytes:
    """The request that asks for a WebSocket."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host or f'127.0.0.1:{port}'}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
    ]
    if offered := ", ".join(subprotocols):
        lines.append(f"Sec-WebSocket-Protocol: {offered}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Peer:
    """One connection to a server, byte by byte.

    Attributes:
        status: The HTTP status that answered the handshake; 0 where the server hung up instead.
        headers: The headers of the answer, names in lower case.
        body: The body, where the handshake was refused.
        heard: Every byte that came.
        hung_up: Whether the server has ended the TCP connection after the closing handshake.
    """

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        """Connect; the kernel keeps about ``receive_buffer`` bytes that are not read."""
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.heard = bytearray()
        self.hung_up = False
        self._taken = 0
        self._socket = socket.socket()
        self._socket.settimeout(WAIT)
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.connect(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        """Nothing more: it is connected."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of it, whatever state it is in."""
        self._socket.close()

    # ------------------------------------------------------------------------------- to send

    def send(self, *frames: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(b"".join(frames))

    def send_until_stuck(self, chunk: bytes, *, limit_bytes: int, patience: float) -> int:
        """Send a chunk again and again until the server takes no more or hangs up.

        Returns:
            The bytes sent; ``limit_bytes`` or more if it took all.
        """
        sent = 0
        self._socket.settimeout(patience)
        with suppress(OSError):  # a timeout, or the server hangs up
            while sent < limit_bytes:
                sent += self._socket.send(chunk)
        self._socket.settimeout(WAIT)
        return sent

    def wait_at_most(self, seconds: float) -> None:
        """Raise TimeoutError sooner than usual, where a wait is for nothing."""
        self._socket.settimeout(seconds)

    def leave(self) -> None:
        """End the TCP connection politely (FIN), without a close frame."""
        with suppress(OSError):  # the other end was quicker
            self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Drop the TCP connection (RST), as when a cable is cut and a packet comes late."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    # ----------------------------------------------------------------------------- to receive

    def answer(self) -> int:
        """Wait for the answer to the handshake; its status."""
        try:
            head = self._take_line()
        except EOFError:
            return 0
        self.status = int(head.split(b" ")[1])
        while line := self._take_line():
            name, _, value = line.decode("latin-1").partition(":")
            self.headers.append((name.lower(), value.strip()))
        if self.status != 101:
            length = dict(self.headers).get("content-length")
            self.body = self._take_all() if length is None else self._take(int(length))
        return self.status

    def header(self, name: str) -> str | None:
        """A header of the answer; None where it isn't there."""
        return dict(self.headers).get(name)

    def frame(self) -> Frame:
        """The next frame.

        Raises:
            OverError: There is none: the server ended the connection without a close frame.
        """
        try:
            first, second = self._take(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", self._take(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", self._take(8))
            assert not second & 0x80, "a server doesn't mask"
            return Frame(first & 0x0F, self._take(size), bool(first & 0x80))
        except (EOFError, ConnectionResetError):
            raise OverError(End("cut")) from None

    def message(self) -> str | bytes:
        """The next message, put together from its frames; pings are answered on the way.

        Raises:
            OverError: The connection is over instead; a close frame has been answered.
        """
        kind: int = Opcode.TEXT
        whole = b""
        while True:
            got = self.frame()
            if got.opcode == Opcode.PING:
                self._try_to_send(frame(Opcode.PONG, got.payload))
            elif got.opcode == Opcode.CLOSE:
                self._try_to_send(frame(Opcode.CLOSE, got.payload[:2]))
                code = struct.unpack("!H", got.payload[:2])[0] if got.payload else None
                raise OverError(End("close", code, got.payload[2:].decode()))
            elif got.opcode != Opcode.PONG:
                kind = got.opcode or kind
                whole += got.payload
                if got.final:
                    return whole.decode() if kind == Opcode.TEXT else whole

    def end(self) -> End:
        """How the connection ends, whatever comes before.

        Raises:
            TimeoutError: It doesn't.
        """
        try:
            while True:
                self.message()
        except OverError as over:
            self._hang_up()
            return over.end

    def _hang_up(self) -> None:
        """Wait for the server to end the TCP connection, then do so too, as RFC 6455 wants."""
        self._socket.settimeout(HANG_UP_WAIT)
        try:
            while self._fill():
                pass
            self.hung_up = True
        except ConnectionError:
            self.hung_up = True
        except TimeoutError:
            pass
        self.leave()

    def _try_to_send(self, data: bytes) -> None:
        with suppress(OSError):
            self._socket.sendall(data)

    def _fill(self) -> bool:
        data = self._socket.recv(65_536)
        self.heard += data
        return bool(data)

    def _take(self, size: int) -> bytes:
        while len(self.heard) - self._taken < size:
            if not self._fill():
                raise EOFError
        taken = bytes(self.heard[self._taken : self._taken + size])
        self._taken += size
        return taken

    def _take_line(self) -> bytes:
        while (end := self.heard.find(b"\r\n", self._taken)) < 0:
            try:
                more = self._fill()
            except ConnectionResetError:
                more = False
            if not more:
                raise EOFError
        line = bytes(self.heard[self._taken : end])
        self._taken = end + 2
        return line

    def _take_all(self) -> bytes:
        with suppress(ConnectionResetError):
            while self._fill():
                pass
        return bytes(self.heard[self._taken :])
