"""Making the cards of a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.card.growing_cards import GrowingCards
from obi_widgets.card.plan import Plan
from obi_widgets.history.given import as_histories, as_loaders
from obi_widgets.history.loaders import Given, HasLoaders
from obi_widgets.history.packing import in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike

    from obi_widgets.card.cards import Cards
    from obi_widgets.history.columns import History
    from obi_widgets.history.loaders import Loader
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.settings import Settings
    from obi_widgets.signals.signal import Signal

    One = Signal | str | Settings | Parameters


def cards(
    history: History | Sequence[History],
    *,
    mode: str = "day",
    signals: One | Iterable[One] | Mapping[str, One] | None = None,
    weights: ArrayLike | None = None,
) -> Cards:
    """Return what the decision card says of a market, every 10 seconds.

    Parameters
    ----------
    history : History, sequence of History, or Days
        Book states; several, in order of time, are one record with a gap between each two.
    mode : {"scalp", "day", "swing"}
        Windows of 10 s, 1 min and 5 min; of 1 min, 5 min and 1 h; or of 5 min, 1 h and 4 h. The
        direction is judged after 30, 60 or 300 s.
    signals : signal, iterable or mapping, optional
        One to 50 signals, or a mapping of name to signal: each a `Signal` or the name of one, or
        `Settings` or `Parameters`, which give its parameters too. By default the imbalance, with
        the values of the mode's preset, or all levels if the histories keep fewer.
    weights : array_like of float, shape (S,), or "accuracy", optional
        Weights of the signals, 0 or more. Equal by default. With ``"accuracy"``, each window of
        each signal has a weight that follows how often it was right at the mode's horizon, learned
        every hour from the 24 hours before; `Cards.weighing` tells what that is worth.

    Returns
    -------
    Cards
        A row for each cycle of 10 s, on a grid in UTC, that the record has whole.

    Raises
    ------
    HistoryError
        If it is no history, or the histories overlap.
    SettingsError
        If mode, signals or weights are not possible, or a signal has no direction.

    Notes
    -----
    docs/cards.md has the formulas, and how each figure can be wrong.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=90, seed=1)
    >>> cards = obi.cards(history, mode="scalp", signals=["imbalance", "queue_imbalance"])
    >>> cards.parts.shape == (2, 3, len(cards))
    True
    >>> cards.last.state
    'not_ready'
    """
    growing = GrowingCards(Plan.of(mode, signals, weights), keep=None)
    found = (loader.load().history for loader in _in_order(history))
    for number, part in enumerate(one for one in found if one is not None):
        if not number:
            growing = GrowingCards(Plan.of(mode, signals, weights, part.levels), keep=None)
        growing.seed(part)
    return growing.cards()


def _in_order(given: object) -> list[Loader]:
    """Return loaders of histories in order of time, which do not overlap."""
    loaders = as_loaders(given)
    if isinstance(given, HasLoaders) or len(loaders) == 1:
        return loaders
    return [Given(one) for one in in_order(as_histories(given))]
