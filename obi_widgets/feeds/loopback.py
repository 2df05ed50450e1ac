"""Who may read a server of ours on 127.0.0.1.

Other users of the machine, and web pages in its browsers, can reach loopback too. So each path
begins with a secret, the ``Host`` header must be the server's own, and a request with an
``Origin`` header is refused, since it comes from a web page.
"""

from __future__ import annotations

import http
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

ADDRESS = "127.0.0.1"


def refuse(
    connection: ServerConnection, request: Request, host: str, secret: str
) -> Response | None:
    """Return the answer to a request that may not be made; None if it may.

    Parameters
    ----------
    connection : ServerConnection
        Where the request came from.
    request : Request
        The request.
    host : str
        The server's own address and port.
    secret : str
        What its path has to begin with.
    """
    if request.headers.get_all("Origin") or request.headers.get_all("Host") != [host]:
        return connection.respond(http.HTTPStatus.FORBIDDEN, "Not for web pages.\n")
    # Compared as bytes in constant time: how long it takes tells nothing.
    given = request.path.removeprefix("/").partition("/")[0].encode("utf-8", "surrogateescape")
    return None if secrets.compare_digest(given, secret.encode()) else nothing_here(connection)


def nothing_here(connection: ServerConnection) -> Response:
    """Return the answer to a request for a path that does not exist."""
    return connection.respond(http.HTTPStatus.NOT_FOUND, "There is nothing here.\n")
