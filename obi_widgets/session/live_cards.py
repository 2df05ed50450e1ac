"""The cards of markets that go on, made in a thread of their own.

Who shows cards asks at each frame and does not wait; a later frame has the answer. A card comes
every 10 seconds, so nearly all questions have been answered already, which costs a comparison.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from obi_widgets.card.growing_cards import KEEP, GrowingCards
from obi_widgets.card.modes import mode_of
from obi_widgets.card.plan import Plan
from obi_widgets.errors import ObiError
from obi_widgets.signals.cycles import CYCLE

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from numpy.typing import ArrayLike

    from obi_widgets.card.cards import Cards
    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.settings import Settings
    from obi_widgets.signals.signal import Signal

    One = Signal | str | Settings | Parameters

log = logging.getLogger(__name__)

D = TypeVar("D")


class Found(NamedTuple, Generic[D]):
    """The newest answer about one market.

    Attributes
    ----------
    cards : Cards or None
        Its cards; None if they could not be made, or no cycle is finished.
    details : object or None
        What was made of the cards beside them.
    error : str
        Why the cards could not be made, and what to do; empty if they could.
    """

    cards: Cards | None = None
    details: D | None = None
    error: str = ""


class LiveCards(Generic[D]):
    """The cards of many markets, by any key; one thread makes them when it is asked to.

    The thread ends by itself when nothing is left to do. Cards know what they were asked with: ask
    at least once in the time that a history keeps, or there is a gap. A market has cards in each
    mode that was chosen once; those go on together, since a history is shorter than the day that
    bands are taken over. After a day they take about 4 MB for each market and mode.

    Parameters
    ----------
    mode : {"scalp", "day", "swing"}
        The mode that is shown.
    signals, weights : optional
        See `obi_widgets.cards`.
    done : callable
        Called without arguments, in the thread, after each answer.
    details : callable, optional
        Called with the key and the `Cards` of a market, in the thread: what takes too long for a
        frame.

    Raises
    ------
    SettingsError
        If mode, signals or weights are not possible.

    Examples
    --------
    >>> import threading
    >>> import obi_widgets as obi
    >>> from obi_widgets.session.live_cards import LiveCards
    >>> answered = threading.Event()
    >>> live = LiveCards("scalp", done=answered.set)
    >>> live.ask("BTC", obi.simulate(seconds=90, seed=1))
    >>> answered.wait(10), len(live.cards("BTC"))
    (True, 8)
    >>> live.close()
    """

    def __init__(
        self,
        mode: str = "day",
        signals: One | Iterable[One] | Mapping[str, One] | None = None,
        weights: ArrayLike | None = None,
        *,
        done: Callable[[], None],
        details: Callable[[Hashable, Cards], D] | None = None,
    ) -> None:
        plan = Plan.of(mode, signals, weights)
        self._given = None if signals is None else plan
        self._weights = weights
        self._mode = plan.mode.name
        self._modes = {self._mode}  # all that were chosen
        self._done, self._details = done, details
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._asked: dict[Hashable, History] = {}  # what waits, the newest of each market
        self._cycles: dict[tuple[Hashable, str], int] = {}  # number of the newest that was asked
        self._seeds: dict[Hashable, History] = {}
        self._growing: dict[tuple[Hashable, str], GrowingCards] = {}  # of the thread alone
        self._found: dict[tuple[Hashable, str], Found[D]] = {}

    # -- called by who shows cards ---------------------------------------------------------

    @property
    def mode(self) -> str:
        """The mode that is shown; may be set. Its cards come with the next question."""
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        name = mode_of(mode).name
        with self._lock:
            self._modes.add(name)
            self._mode = name

    def seed(self, key: Hashable, history: History) -> None:
        """Let a market begin with states from before, such as a recording; call it before `ask`.

        Windows and bands then need not wait. Between the two is a gap; if it is longer than what
        is kept, 25 hours, they have no effect.
        """
        with self._lock:
            self._seeds[key] = history

    def ask(self, key: Hashable, history: History) -> None:
        """Request the cards of a market, unless no cycle was finished since; do not wait.

        Parameters
        ----------
        key : hashable
            Names the market.
        history : History
            Its states so far.
        """
        if not len(history):
            return
        cycle = int(history.time[-1]) // CYCLE
        if self._cycles.get((key, self._mode)) == cycle:
            return
        with self._lock:
            if self._closed:
                return
            for mode in self._modes:
                self._cycles[key, mode] = cycle
            self._asked[key] = history
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="obi-cards", daemon=True)
                thread.start()  # which may fail
                self._thread = thread

    def found(self, key: Hashable) -> Found[D] | None:
        """Return the newest answer about a market in this mode; None before the first."""
        return self._found.get((key, self._mode))

    def cards(self, key: Hashable) -> Cards | None:
        """Return the cards of a market in this mode; None before the first, or after an error."""
        found = self.found(key)
        return None if found is None else found.cards

    def error(self, key: Hashable) -> str:
        """Return why a market has no cards, and what to do; empty if that is not known."""
        found = self.found(key)
        return "" if found is None else found.error

    def close(self, *, wait: bool = True) -> None:
        """Take no more questions; what was found stays.

        Parameters
        ----------
        wait : bool
            Whether to wait for the thread, at most ten seconds.
        """
        with self._lock:
            self._closed = True
            self._asked.clear()
            thread = self._thread
        if wait and thread is not None and thread is not threading.current_thread():
            thread.join(timeout=10)

    # -- run by the thread -----------------------------------------------------------------

    def _work(self) -> None:
        while (asked := self._next()) is not None:
            key, history, modes, seed = asked
            for mode in modes:
                self._found[key, mode] = self._answer(key, mode, history, seed)
            self._done()

    def _next(self) -> tuple[Hashable, History, list[str], History | None] | None:
        """Return the market that has waited longest, the shown mode first; None for none."""
        with self._lock:
            if not self._asked:
                self._thread = None
                return None
            key = next(iter(self._asked))
            modes = sorted(self._modes, key=lambda one: one != self._mode)
            return key, self._asked.pop(key), modes, self._seeds.get(key)

    def _answer(self, key: Hashable, mode: str, history: History, seed: History | None) -> Found[D]:
        try:
            growing = self._growing.get((key, mode))
            if growing is None:
                growing = GrowingCards(self._plan(mode, history.levels))
                if seed is not None and len(seed) and _reaches(seed, history):
                    growing.seed(seed)
                self._growing[key, mode] = growing
            growing.append(history)
            if not len(growing):
                return Found()
            cards = growing.cards()
            cards.last  # noqa: B018 - its confidence is computed here, and kept
            return Found(cards, None if self._details is None else self._details(key, cards))
        except ObiError as error:
            text = str(error)
        except Exception as error:
            text = f"The cards could not be made: {error!r}. Please report this."
            before = self._found.get((key, mode))
            if before is None or before.error != text:  # once, not every ten seconds
                log.exception("The cards of %s could not be made.", key)
        # Made anew with the next cycle: what an error has left may be half of a cycle.
        self._growing.pop((key, mode), None)
        return Found(error=text)

    def _plan(self, mode: str, levels: int) -> Plan:
        if self._given is not None:
            return self._given._replace(mode=mode_of(mode))
        return Plan.of(mode, None, self._weights, levels)


def _reaches(seed: History, history: History) -> bool:
    """Return whether anything of a seed is still kept when a history begins."""
    return int(history.time[0] - seed.time[-1]) < KEEP * CYCLE
