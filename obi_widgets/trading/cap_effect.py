"""What a cap on entries within an hour leaves out, against the same settings without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from obi_widgets.trading.trade_list import Trades

NOT_REACHED = "Not reached: it leaves out no entry."


def cap_effect(capped: Trades, free: Trades) -> str:
    """Return whether a cap was reached, and how many entries it left out, in a sentence.

    An entry that is left out makes room for a later one, so that not each is missing in the end:
    the count is of all entries without the cap, less those with it.

    Parameters
    ----------
    capped, free : Trades
        Entries of the same settings with the cap, and without one.
    """
    with_it, without = (trades.decision_time[~trades.missed] for trades in (capped, free))
    if np.array_equal(with_it, without):
        return NOT_REACHED
    made, of = len(with_it), len(without)
    if made >= of:
        entries = "1 entry" if made == 1 else f"{made:,} entries"
        return f"Reached: {entries}, and {of:,} without it."
    return f"Reached: it leaves out {of - made:,} of {of:,} entries."
