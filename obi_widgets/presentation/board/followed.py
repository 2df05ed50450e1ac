"""What a board knows of its markets before it computes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.market_data.events import Instrument, State


class Followed(NamedTuple):
    """What a board knows of one market before it computes anything.

    Attributes
    ----------
    source : str
        As it was given.
    instrument : Instrument
        The market.
    history : History
        Its book states so far.
    state, detail, advice, has_book, age
        See `obi_widgets.session.standing.Standing`.
    replay : bool
        Whether the data come from a recording.
    """

    source: str
    instrument: Instrument
    history: History
    state: State
    detail: str
    advice: str
    has_book: bool
    age: float
    replay: bool


class Refused(NamedTuple):
    """A source of a board that could not be opened.

    Attributes
    ----------
    source : str
        As it was given.
    what, advice : str
        See `obi_widgets.errors.ObiError`.
    """

    source: str
    what: str
    advice: str
