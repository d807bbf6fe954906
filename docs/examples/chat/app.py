"""Mount the demo's chat into a Starlette app of one's own, below /chat.

Try it: ``python app.py``, then open http://127.0.0.1:8000/chat/ in two tabs, and
http://127.0.0.1:8000/ to see how many are in which room.
"""

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from websocket_kit._demo.chat import pages, rooms, router


async def home(_request: Request) -> JSONResponse:
    """Say how many are in which room."""
    return JSONResponse({room: len(members) for room, members in rooms.items()})


# Below /chat, a WebSocket goes to the router and a request for the page to the pages.
app = Starlette(routes=[Route("/", home), Mount("/chat", router.wrap(pages))])

if __name__ == "__main__":
    uvicorn.run(app)
