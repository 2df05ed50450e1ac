"""An extension of Jupyter's server: kernels' messages reach the page without a delay of TCP.

TCP sends a small message only once the one before it has been acknowledged (Nagle's algorithm), and
a browser may acknowledge after 40 ms. A kernel answers a slider with four small messages and then a
frame, so that the frame often waited for that. Tornado, on which the server is built, leaves the
algorithm on.

Every server in the environment of obi-widgets loads the extension: the package installs
``etc/jupyter/jupyter_server_config.d/obi_widgets.json``. ``jupyter server extension list`` shows
it, and this switches it off::

    jupyter lab --ServerApp.jpserver_extensions="obi_widgets.cli.server_extension=False"
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:  # noqa: ANN401 a ServerApp
    """Send messages at once on each connection that a page makes to a kernel from now on."""
    settings = server.web_app.settings
    kind = "kernel_websocket_connection_class"
    settings[kind] = sending_at_once(settings[kind])


def sending_at_once(kind: type[Any]) -> type[Any]:
    """Return a class of connections to kernels like the given one, without Nagle's algorithm."""

    class SendingAtOnce(kind):  # type: ignore[misc]  # of whichever server
        def connect(self) -> Any:  # noqa: ANN401
            self.websocket_handler.set_nodelay(True)
            return super().connect()

    return SendingAtOnce
