"""What a shell completes besides the names of commands and options: sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    import click


def complete_source(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return what a source may begin with: venues, the simulator's symbols, and files."""
    from obi_widgets.feeds.simulation.simulator import LISTINGS
    from obi_widgets.market_data.venues import VENUES

    names = [f"sim:{symbol}" for symbol in LISTINGS]
    names += [f"{venue}:" for venue in VENUES if venue != "sim"]
    found = [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]
