"""``obi-widgets lab``: open JupyterLab with the lab running in a notebook."""

from __future__ import annotations

from typing import Any

import click

from obi_widgets.cli.completing import complete_source
from obi_widgets.cli.options import KEEPING, REACHING, given_of, with_options


@click.command(
    epilog="""\b
Examples:
  obi-widgets lab
  obi-widgets lab lmex:BTC-PERP
  obi-widgets lab capture.gz --no-browser
  obi-widgets lab bybit:BTCUSDT --testnet --levels 200
"""
)
@click.argument("source", default="sim:BTC-PERP", shell_complete=complete_source)
@click.option("--port", default=8888, show_default=True, help="First port to try.")
@click.option("--no-browser", is_flag=True, help="Print the address, do not open a browser.")
@with_options(*KEEPING, *REACHING)
def command(
    source: str,
    *,
    port: int,
    no_browser: bool,
    **options: Any,  # noqa: ANN401
) -> int:
    """Open JupyterLab with the lab running in a notebook.

    SOURCE is venue:SYMBOL, a recording, or a lab's link; the simulator if left out.
    """
    from obi_widgets.cli.lab import open_lab

    return open_lab(source, given_of(options), port=port, browser=not no_browser)
