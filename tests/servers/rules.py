"""The rules by which the library makes all servers one; cases name theirs with ``mark.rule``."""

from __future__ import annotations

RULES = {
    1: "Once a connection is over, the server is asked for nothing more: later calls answer from"
    " memory",
    2: "No code, 1005 and 1006 are one: gone, code unknown",
    3: "Whatever a server raises from `send` means that the peer is gone",
    4: "`task_group` and `send_each` read while they send, and so notice",
    5: "In `task_group` no timeout cancels the server's `receive`, and what is read ahead is"
    " bounded",
    6: "A cancellation may mean that the peer is gone: clean-up is bounded",
    7: "Every connection is finished explicitly: refused, 1000, or the code of its error",
    8: "What isn't legal on the wire is an error at the call, before anything is sent",
    9: "A close that a server refuses goes out with another code",
    10: "A refusal is an HTTP answer where the server offers that, else a plain close",
    11: "Headers of an acceptance are best effort",
    12: "Text is text and bytes are bytes, empty ones too",
    13: "What a server leaves out of the handshake has a default",
    14: "A disconnect comes bare, never in an ExceptionGroup, and leaves no traceback",
    15: "A shutdown says 1012",
    16: "There is no ping in ASGI: silence ends by `receive_timeout`",
}
