"""``obi-widgets lab``: open JupyterLab with the lab running in a notebook."""

from __future__ import annotations

import click

from obi_widgets.cli.completing import complete_source


@click.command(
    epilog="""\b
Examples:
  obi-widgets lab
  obi-widgets lab lmex:BTC-PERP
  obi-widgets lab capture.gz --no-browser
"""
)
@click.argument("source", default="sim:BTC-PERP", shell_complete=complete_source)
@click.option("--port", default=8888, show_default=True, help="First port to try.")
@click.option("--no-browser", is_flag=True, help="Print the address, do not open a browser.")
def command(source: str, *, port: int, no_browser: bool) -> int:
    """Open JupyterLab with the lab running in a notebook.

    SOURCE is venue:SYMBOL, a recording, or a lab's link; the simulator if left out.
    """
    from obi_widgets.cli.lab import open_lab

    return open_lab(source, port=port, browser=not no_browser)
