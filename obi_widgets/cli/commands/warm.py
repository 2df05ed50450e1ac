"""``obi-widgets warm``: compile everything once, so that nothing waits for it later."""

from __future__ import annotations

import click

from obi_widgets.cli.exit_codes import DONE, FAILED


@click.command(
    epilog="""\b
Examples:
  obi-widgets warm
"""
)
def command() -> int:
    """Compile all kernels, and keep them on the disk.

    It takes a minute and a half after an installation, and a second when it was done before.
    Without it, they are compiled in the background while NumPy does the work.
    """
    import time

    from obi_widgets.cli.warming import compile_all

    began = time.monotonic()
    failed = compile_all(lambda name: click.echo(f"Compiling {name}", err=True))
    took = time.monotonic() - began
    for name in failed:
        click.echo(f"obi-widgets: {name} cannot be compiled; NumPy does its work.", err=True)
    click.echo(f"All kernels are compiled, {took:.1f} s." if not failed else f"{took:.1f} s.")
    return FAILED if failed else DONE
