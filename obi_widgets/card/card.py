"""The card of one moment: all that a screen needs, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.card.confidence import CardConfidence
    from obi_widgets.card.modes import Mode


@dataclass(frozen=True)
class CardWindow:
    """One window of a card.

    Attributes
    ----------
    seconds : float
        Its length.
    value : float
        −1..+1, + for a rise; NaN until it has been seen whole, and while less than 90 % was live.
    band : float
        The 0.75-quantile of its own |value| over the last 24 h; NaN before an hour of values.
    beyond : bool
        Whether |value| exceeds the band.
    live : float
        Share of its length in which the signals had a value, 0..1; until it has been seen whole,
        how much of it is filled.
    ready : int or None
        Earliest time at which it can have value and band, ns; None if it has them.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=90, seed=1)
    >>> [window.seconds for window in obi.cards(history, mode="scalp").last.windows]
    [10.0, 60.0, 300.0]
    """

    seconds: float
    value: float
    band: float
    beyond: bool
    live: float
    ready: int | None


@dataclass(frozen=True)
class CardReason:
    """Why a card is in its state, in numbers.

    Attributes
    ----------
    what : str
        What decided it:

        - ``"book"``: the book was not in sync at the time of the card;
        - ``"age"``: the newest state was ``has`` seconds old, and ``needs`` are allowed;
        - ``"window"``: a window has ``has`` seconds of live time of its ``needs``;
        - ``"band"``: a window, or without ``windows`` the direction, has had values for ``has``
          seconds, of the ``needs`` that its band takes;
        - ``"conflict"``: two windows beyond their bands have different signs;
        - ``"direction"``: |direction| is ``has``, and its band is ``needs``.
    windows : tuple of float
        Lengths of the windows that it is about, seconds.
    has, needs : float
        See ``what``; NaN where there is nothing to tell.
    ready : int or None
        Earliest time at which the card can say something, ns; None if that is now, or unknown.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=90, seed=1)
    >>> reason = obi.cards(history, mode="day").last.reason
    >>> reason.what, reason.windows, reason.needs
    ('window', (3600.0,), 3600.0)
    """

    what: str
    windows: tuple[float, ...]
    has: float
    needs: float
    ready: int | None


@dataclass(frozen=True)
class Card:
    """What a card says at the end of one cycle. `obi_widgets.Cards` has them.

    Attributes
    ----------
    time : int
        End of the cycle, ns. Nothing from then on is known to it.
    mode : Mode
        Windows and horizon.
    state : str
        ``"stale"``, ``"not_ready"``, ``"conflict"``, ``"long"``, ``"short"``, or ``"neutral"``
        where the direction is inside its own band.
    reason : CardReason
        Why, in numbers.
    direction, agreement, strength, quality : float
        See `Cards`; NaN where it is not known.
    direction_band : float
        The 0.75-quantile of |direction| over the last 24 h.
    since : int or None
        End of the cycle in which the direction came to its present sign, ns; None if it is 0 or
        unknown, or if it has had this sign since the first card that is kept.
    windows : tuple of CardWindow
        Short, middle and long.
    parts : mapping of str to tuple of float
        Each signal's value in each window.
    conflict : bool or None
        Whether two windows contradict each other; None if that is not known.
    price_bps : float
        Move of mid over the middle window, bps.
    price : str
        ``"aligned"`` or ``"diverging"``, as it has the sign of the direction or the other one;
        empty if either is 0 or unknown.
    mid, spread_bps, age : float
        Mid (quote currency) and age of the book (seconds) at the end of the cycle, and the mean
        spread of the cycle.
    confidence : CardConfidence
        How likely the direction is right, with the default options of `Cards.confidence`; of a live
        market, with a window of 24 h.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> card = obi.cards(obi.simulate(seconds=90, seed=1), mode="scalp").last
    >>> card.state, len(card.windows)
    ('not_ready', 3)
    """

    time: int
    mode: Mode
    state: str
    reason: CardReason
    direction: float
    direction_band: float
    strength: float
    agreement: float
    quality: float
    since: int | None
    windows: tuple[CardWindow, ...]
    parts: Mapping[str, tuple[float, ...]]
    conflict: bool | None
    price_bps: float
    price: str
    mid: float
    spread_bps: float
    age: float
    confidence: CardConfidence
