"""What a sealed test shows, in figures and words: no widget, so that every text can be tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.sealed import ABOVE, BELOW, UNDECIDED
from obi_widgets.presentation import formatting

if TYPE_CHECKING:
    from obi_widgets.calibration.sealed import SealedTest

SIGNS = {ABOVE: "✓", BELOW: "✕", UNDECIDED: "?"}
TONES = {ABOVE: "good", BELOW: "bad", UNDECIDED: ""}

BUTTON = "Seal these settings"
ABOUT = (
    "What is above judges settings by data that they may have been chosen by. Sealed, they are "
    "judged by what comes next, and only that: nothing can be chosen any more, every trade counts, "
    "and you may look as often as you like. Changing a setting breaks the seal."
)
"""What the button is for."""


def of_seal(test: SealedTest | None) -> dict[str, Any]:
    """Return what is shown of the newest sealed test; an offer to make one where there is none."""
    if test is None:
        return {"button": BUTTON, "about": ABOUT, "word": ""}
    told = test.summary()
    clip = f"±{told.clip_bps:g} bps"
    sure = f"{100 * told.error:g} %"
    n, burn_in = told.trades, told.burn_in
    count = f"{n:,}" if n >= burn_in else f"{n:,} of {burn_in:,} at least"
    state = "broken · " if told.broken else ""
    return {
        "button": BUTTON if told.broken else "",  # one that goes on is not ended by a click
        "about": ABOUT if told.broken else "",
        "word": f"{state}{told.verdict}".capitalize(),
        "sign": SIGNS[told.verdict],
        "tone": "" if told.broken else TONES[told.verdict],
        "reason": formatting.signed(told.reason),
        "of": f"sealed {_moment(test.seal.sealed_at or test.seal.opened_at)} · "
        f"sha256 {told.sha256[:10]}…",
        "facts": [
            ("trades since the seal", count,
             f"One after the other, each held for {test.seal.settings.hold_seconds:g} s, none "
             f"across a gap. Before {burn_in:,} nothing is decided"),
            ("mean net", _bps(told.mean_bps), "What a trade made on average, after all costs"),
            ("at least", _bps(told.low_bps),
             f"The mean is below this at any moment with a chance of {sure} at most, however often "
             "one looks, once trades are many: an asymptotic confidence sequence (Waudby-Smith, "
             "Arbour, Sinha, Kennedy, Ramdas)"),
            ("at most", _bps(told.high_bps), "The same from above"),
            (f"at least, cut at {clip}", _bps(told.clipped_low_bps),
             f"The mean of gains and losses, each cut at {clip}: exact for any number of trades, "
             "by bets against each mean (Waudby-Smith, Ramdas). Above zero is only what both are"),
            (f"at most, cut at {clip}", _bps(told.clipped_high_bps), "The same from above"),
            ("seals opened", f"{told.seal_number:,} of {told.seals_opened:,}",
             "On this market, in this folder and session. Of many, the best is above zero by "
             "chance"),
        ],
    }  # fmt: skip


def _bps(value: float | None) -> str:
    return formatting.bps(np.nan if value is None else value, sign=True)


def _moment(at: int) -> str:
    return f"{str(np.datetime64(at, 'ns'))[:19].replace('T', ' ')} UTC"
