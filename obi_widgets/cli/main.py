"""The command ``obi-widgets``: finds a command by its name, and tells how it ended."""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from obi_widgets.cli.commands import (
    calibrate,
    completion,
    convert,
    export,
    lab,
    paper,
    reconcile,
    record,
    replay,
    serve,
    simulate,
    warm,
    watch,
)
from obi_widgets.cli.exit_codes import DONE, FAILED, INTERRUPTED
from obi_widgets.cli.streams import prepare
from obi_widgets.errors import ObiError, suggest
from obi_widgets.version import version

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "lab": lab.command,
    "record": record.command,
    "watch": watch.command,
    "replay": replay.command,
    "serve": serve.command,
    "simulate": simulate.command,
    "paper": paper.command,
    "reconcile": reconcile.command,
    "calibrate": calibrate.command,
    "export": export.command,
    "convert": convert.command,
    "warm": warm.command,
    "completion": completion.command,
}
"""The commands, in the order of the help."""

EXAMPLES = """\b
Examples:
  obi-widgets lab
  obi-widgets record binance-usdm:BTCUSDT bybit:BTCUSDT data/
  obi-widgets watch sim:BTC-PERP
"""

EXITS = """\b
Exit codes:
  0    done
  1    an error, said in one line
  2    wrong usage
  3    calibrate: the verdict is not "viable"
  4    reconcile: a difference is not explained
  130  interrupted, by Ctrl-C or SIGTERM
"""


class Commands(click.Group):
    """The commands in their own order; of a wrong name it says which was meant."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of all commands."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; None if there is none of that name and a shell only asks."""
        if cmd_name not in COMMANDS and not ctx.resilient_parsing:
            ctx.fail(f"There is no command {cmd_name!r}. {suggest(cmd_name, COMMANDS)}")
        return COMMANDS.get(cmd_name)


def _say_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(f"obi-widgets {version()}")
        sys.exit(DONE)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"{EXAMPLES}\n{EXITS}",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_say_version,
    help="Show the version.",
)  # fmt: skip
def commands() -> None:
    """Order-book imbalance, live: in a notebook, or here in the terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``obi-widgets``; return its exit code, one of `exit_codes`."""
    prepare()
    with warnings.catch_warnings():
        warnings.showwarning = _say_warning
        return _run(arguments)


def _say_warning(message: Warning | str, *_: object, **__: object) -> None:
    click.echo(f"obi-widgets: {message}", err=True)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        # A command returns its exit code, or None. Click returns that of --help by itself.
        code = commands.main(
            None if arguments is None else [*arguments], "obi-widgets", standalone_mode=False
        )
    except click.exceptions.Abort:  # a KeyboardInterrupt, after click has ended the line
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ObiError as error:
        click.echo(f"obi-widgets: {error}", err=True)
        return FAILED
    except OSError as error:  # as of standard output, when the disk is full
        _leave_unwritten()
        where = f" {error.filename}" if error.filename is not None else ""
        click.echo(f"obi-widgets: {error.strerror or error}{where}.", err=True)
        return FAILED
    return DONE if code is None else int(code)


def _leave_unwritten() -> None:
    """Let Python's end not try again to write what standard output has refused."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
