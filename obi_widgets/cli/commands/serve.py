"""``obi-widgets serve``: markets published to other programs."""

from __future__ import annotations

from typing import Any

import click

from obi_widgets.cli.completing import complete_source
from obi_widgets.cli.ending import interruptible
from obi_widgets.cli.options import CHANGES, KEEPING, REACHING, given_of, with_options

PORT = 8765

STDOUT = 1
"""The file descriptor of standard output."""


@click.command(
    epilog="""\b
Examples:
  obi-widgets serve sim:BTC-PERP
  obi-widgets serve binance-usdm:BTCUSDT bybit:BTCUSDT --secret-file secret.txt
  obi-widgets serve sim:BTC-PERP --config btc.toml --stdout > btc.jsonl
  obi-widgets serve bybit:BTCUSDT --testnet
"""
)
@click.argument(
    "sources", nargs=-1, required=True, metavar="SOURCE...", shell_complete=complete_source
)
@click.option("--config", metavar="CONFIG", type=click.Path(), help="Exported settings.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True,
              help="Port on 127.0.0.1; 0: any that is free.")  # fmt: skip
@click.option("--secret-file", metavar="FILE", type=click.Path(),
              help="File with the secret of the address, which only you may read. [default: the "
              "variable OBI_WIDGETS_SECRET, or a new secret, which is printed]")  # fmt: skip
@click.option("--stdout", "to_stdout", is_flag=True, help="Print all messages too, as lines of "
              "JSON.")  # fmt: skip
@click.option("--speed", type=float, metavar="FACTOR",
              help="Recording or saved history: multiple of real time. [default: 1]")  # fmt: skip
@with_options(CHANGES, *KEEPING, *REACHING)
def command(
    sources: tuple[str, ...],
    *,
    config: str | None,
    port: int,
    secret_file: str | None,
    to_stdout: bool,
    speed: float | None,
    changes: tuple[str, ...],
    **options: Any,  # noqa: ANN401
) -> None:
    """Publish markets to other programs by a websocket.

    It listens on 127.0.0.1. SOURCE is venue:SYMBOL or a recording. Each market has two topics,
    depth:SYMBOL and signal:SYMBOL, with a message for each state of the book. A subscriber gets
    the newest message at once, and then each further one; one that reads too slowly is closed. It
    goes on until Ctrl-C. The address has a secret: who has it can read all this, and no more.
    """
    import threading

    from obi_widgets.cli.config import Config, read_config, with_changes
    from obi_widgets.errors import ObiError
    from obi_widgets.feeds.history_replay import played
    from obi_widgets.feeds.options import Options
    from obi_widgets.feeds.several import open_feeds
    from obi_widgets.session.serving.secret import find_secret
    from obi_widgets.session.serving.serve import serve
    from obi_widgets.settings.settings import Settings

    secret = find_secret(secret_file)
    found = read_config(config) if config is not None else Config(Settings(), "", {})
    parameters = with_changes(found.settings, changes).parameters
    given = given_of({**options, "speed": speed})
    if any(source.startswith("sim:") for source in sources):
        given.setdefault("warmup", 0.0)
    feeds = []
    for opened_or_not in open_feeds(sources, Options(**{**found.kept, **given})).values():
        if isinstance(opened_or_not, ObiError):
            raise opened_or_not
        feeds.append(played(opened_or_not[0]))

    def tell(text: str) -> None:
        click.echo(text, err=to_stdout)

    def opened(host: str, topics: tuple[str, ...]) -> None:
        address = f"ws://{host}/{secret.text if secret.is_new else '<your secret>'}"
        tell(f"Serving {', '.join(topics)}. Stop it with Ctrl-C. Read it at:\n{address}")

    with interruptible(while_read=True):
        serve(
            feeds, parameters, opened, threading.Event(), secret=secret.text, port=port,
            output=STDOUT if to_stdout else None, told=tell,
        )  # fmt: skip
