"""The chat that ``python -m websocket_kit`` serves: a handler to read and a page to try it with."""
