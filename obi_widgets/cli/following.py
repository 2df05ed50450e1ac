"""Following a feed on standard output, for the commands that do so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.cli.ending import interruptible
from obi_widgets.cli.output import Teller
from obi_widgets.presentation.watch.row import Row
from obi_widgets.session.watching import Watching

if TYPE_CHECKING:
    from obi_widgets.feeds.base import Feed
    from obi_widgets.settings.parameters import Parameters


def follow(
    feed: Feed, parameters: Parameters, *, every: float, rows: int | None, as_json: bool
) -> None:
    """Print steps, rows and alerts of a feed, until it has ended or enough rows are printed.

    Parameters
    ----------
    feed : Feed
        The source. It does not run yet.
    parameters : Parameters
        The settings.
    every : float
        Seconds between two rows.
    rows : int, optional
        Number of rows after which it ends.
    as_json : bool
        Whether to print lines of JSON.
    """
    teller, printed = Teller(parameters, as_json=as_json), 0
    watching = Watching(feed, parameters, every)
    with interruptible(while_read=True), watching:
        try:
            for found in watching:
                teller.tell(found)
                printed += isinstance(found, Row)
                if printed == rows:
                    break
        except KeyboardInterrupt:
            teller.tell_end(watching.maker.shares, watching.maker.seconds)
            raise
    teller.tell_end(watching.maker.shares, watching.maker.seconds)
