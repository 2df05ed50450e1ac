"""Which market of a board leads, as the screen shows it: a lead by itself, other pairs together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from obi_widgets.errors import counted
from obi_widgets.presentation.texts import formatting

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from obi_widgets.history.columns import History

NAMED = 3
"""Pairs of which one sentence is true that are named; more are counted."""

CAUTION = "Each pair is a test, and so is each look: one in twenty is significant by chance."


class Leads(NamedTuple):
    """What was found when somebody asked which market leads.

    Attributes
    ----------
    looking : bool
        Whether it is being computed.
    pairs : tuple of tuple of str
        Of each pair the names of both, and the result in words; see `obi_widgets.lead_lag`.
    end : int
        Time of receipt up to which the markets were compared, nanoseconds UTC; 0 without a result.
    seconds : float
        Length of the time that all markets have in common.
    error : str
        Why there is no result; empty if there is one.
    """

    looking: bool = False
    pairs: tuple[tuple[str, str, str], ...] = ()
    end: int = 0
    seconds: float = 0.0
    error: str = ""

    @classmethod
    def of(cls, histories: Mapping[str, History], table: pd.DataFrame) -> Leads:
        """Return what a table of `obi_widgets.lead_lag` says."""
        begin = max(int(one.received.min()) for one in histories.values())
        end = min(int(one.received.max()) for one in histories.values())
        pairs = table[["first", "second", "says"]].itertuples(index=False, name=None)
        return cls(pairs=tuple(pairs), end=end, seconds=(end - begin) / 1e9)

    @property
    def sentences(self) -> list[str]:
        """The results: first those that name their markets, then others, each with its pairs."""
        own = [says for first, second, says in self.pairs if first in says and second in says]
        others: dict[str, list[str]] = {}
        for first, second, says in self.pairs:
            if says not in own:
                others.setdefault(says, []).append(f"{first} and {second}")
        for says, of in others.items():
            which = ", ".join(of) if len(of) <= NAMED else f"{len(of)} pairs"
            own.append(f"{which}: {says[:1].lower()}{says[1:]}")
        return own


def leads_state(leads: Leads | None) -> dict[str, Any]:
    """Return what the page shows of leads."""
    found = leads or Leads()
    head = ""
    if found.pairs:
        many = counted(len(found.pairs), "pair")
        until = formatting.clock(found.end)
        head = f"{many}, over {formatting.duration(found.seconds)} up to {until} UTC. {CAUTION}"
    sentences = [found.error] if found.error else found.sentences
    return {"looking": found.looking, "head": head, "sentences": sentences}
