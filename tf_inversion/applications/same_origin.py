"""Keeps other web pages from using the explorer's server through a visitor's browser."""

from __future__ import annotations

from urllib.parse import urlsplit

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class SameOrigin:
    """ASGI middleware that refuses what a browser sends for a page of another origin.

    A server at a loopback address refuses other names for it too, which a page of the outside could have
    given to it (DNS rebinding).

    Args:
      app: the ASGI application.
      host: the address that it listens at.
    """

    def __init__(self, app, host: str):
        self._app = app
        self._hosts = _LOOPBACK if host in _LOOPBACK else None

    async def __call__(self, scope, receive, send) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope.get("headers", ())}
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        foreign = origin is not None and urlsplit(origin).netloc != host
        if self._hosts and urlsplit(f"//{host}").hostname not in self._hosts:
            foreign = True
        if scope["type"] == "http" and foreign:
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b"only for this server's own page"})
            return
        await self._app(scope, receive, send)
