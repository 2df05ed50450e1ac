"""Options that several commands take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

CHANGES = click.option(
    "--set", "changes", multiple=True, metavar="NAME=VALUE",
    help="Change a setting, as --set depth=5; may be repeated.",
)  # fmt: skip

MARKET = click.option("--market", metavar="MARKET", help="venue:SYMBOL, where files have several.")

SHOWING = (
    click.option("--every", type=float, default=10.0, show_default=True, metavar="SECONDS",
                 help="Seconds from one row to the next."),
    click.option("--rows", type=click.IntRange(1), metavar="N", help="End after N rows."),
    click.option("--json", "as_json", is_flag=True, help="Print lines of JSON."),
)  # fmt: skip
"""How rows are shown."""

JUDGING = (
    MARKET,
    click.option("--horizon", "horizons", type=float, multiple=True, metavar="SECONDS",
                 help="A horizon to judge at; may be repeated. [default: 1 to 60]"),
    click.option("--tried", type=click.IntRange(1), default=1, show_default=True, metavar="N",
                 help="Settings tried on these data, for which p values are corrected."),
)  # fmt: skip
"""How settings are judged."""

KEEPING = (
    click.option("--levels", type=click.IntRange(1, 1000), metavar="N",
                 help="Levels a side to keep. [default: those of CONFIG, or 50]"),
    click.option("--interval", type=float, metavar="SECONDS",
                 help="Seconds between two states; 0: each. [default: that of CONFIG, or 0.1]"),
)  # fmt: skip
"""What is kept of the books."""

REACHING = (
    click.option("--proxy", metavar="URL", help="Live: proxy for websockets and HTTP."),
    click.option("--url", "urls", multiple=True, metavar="NAME=URL",
                 help="Live: another address of the venue, as --url book=wss://host; may be "
                 "repeated."),
    click.option("--testnet", is_flag=True, help="Live: the venue's test network."),
    click.option("--origin", metavar="URL", help="Live: the header Origin of websockets."),
    click.option("--seed", type=int, help="Simulator: the same seed gives the same market."),
    click.option("--edge", type=float, metavar="BPS", help="Simulator: its hidden edge."),
    click.option("--warmup", type=float, metavar="SECONDS",
                 help="Simulator: a past to begin with. [default: none; in a lab 300]"),
)  # fmt: skip
"""How a live or a simulated market is reached."""


def with_options(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Return a decorator that adds options to a command, in their order in the help."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def reach_of(source: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of `KEEPING` and `REACHING` for a source, as `open_feed` takes them.

    The simulator begins without a past, so that it is there at once.
    """
    given = given_of(options)
    if source.startswith("sim:"):
        given.setdefault("warmup", 0.0)
    return given


def given_of(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of `KEEPING` and `REACHING` that were given."""
    # 0 is a value: an edge of 0, an interval of 0.
    given = {
        name: one
        for name, one in options.items()
        if one is not None and one is not False and one != ()
    }
    if "urls" in given:
        pairs = [text.partition("=") for text in given["urls"]]
        for name, sign, url in pairs:
            if not (name and sign and url):
                raise click.BadParameter("Give NAME=URL.", param_hint="--url")
        given["urls"] = {name: url for name, _, url in pairs}
    return given
