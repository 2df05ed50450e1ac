"""Messages of kernels are sent at once: on a real websocket, in every server that loads it."""

import asyncio
import json
import socket
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

from jupyter_server.extension.manager import ExtensionPackage
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler, websocket_connect

from obi_widgets.cli import jupyter_server, server_extension

ROOT = Path(__file__).parent.parent

KIND = "kernel_websocket_connection_class"


class Connection:
    """As the server's: it is given the handler, and connected when the page is."""

    def __init__(self, websocket_handler):
        self.websocket_handler = websocket_handler

    def connect(self):
        return "connected"


class Handler(WebSocketHandler):
    """Says how its connection was made, and whether its socket sends at once."""

    def open(self):
        made = self.settings[KIND](self).connect()
        option = self.ws_connection.stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        self.write_message(json.dumps([made, bool(option)]))


def said_by(connection):
    """Return what the handler says to a page that connects."""

    async def connect():
        (listening,) = bind_sockets(0, "127.0.0.1")
        server = HTTPServer(Application([("/", Handler)], **{KIND: connection}))
        server.add_sockets([listening])
        try:
            page = await websocket_connect(f"ws://127.0.0.1:{listening.getsockname()[1]}/")
            try:
                return json.loads(await page.read_message())
            finally:
                page.close()
        finally:
            server.stop()
            await server.close_all_connections()

    return asyncio.run(asyncio.wait_for(connect(), 60))


def test_a_connection_sends_at_once_and_is_otherwise_what_it_was():
    assert said_by(Connection) == ["connected", False]
    assert said_by(server_extension.sending_at_once(Connection)) == ["connected", True]


def test_jupyter_server_takes_it_as_an_extension():
    server = SimpleNamespace(web_app=SimpleNamespace(settings={KIND: Connection}))
    package = ExtensionPackage(name=server_extension.__name__, enabled=True)
    assert package.validate()
    (point,) = package.extension_points.values()
    point.load(server)
    assert said_by(server.web_app.settings[KIND]) == ["connected", True]


def test_every_server_of_the_environment_loads_it():
    folder = "jupyter_server_config.d"
    (file,) = (jupyter_server.ADDED / "config" / folder).iterdir()
    assert json.loads(file.read_text(encoding="utf-8")) == {
        "ServerApp": {"jpserver_extensions": {server_extension.__name__: True}}
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert shared == {str(file.parent.relative_to(ROOT)): f"etc/jupyter/{folder}"}
    installed = Path(sys.prefix, "etc", "jupyter", folder, file.name)
    assert installed.read_bytes() == file.read_bytes(), "install the package again"
