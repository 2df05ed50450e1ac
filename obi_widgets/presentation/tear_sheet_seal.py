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
    "The results above may come from the same data that the settings were chosen on. A sealed test "
    "uses only data that come after it starts. Every trade counts, and you may look at the result "
    "as often as you like. Changing a setting ends the test."
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
             f"across a gap. There is no decision before {burn_in:,} trades"),
            ("mean net", _bps(told.mean_bps), "Mean return per trade, after all costs"),
            ("lower bound", _bps(told.low_bps),
             f"Lower bound of the mean. The chance that it is ever wrong is at most {sure}, "
             "however often you look, if trades are many (asymptotic confidence sequence: "
             "Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas)"),
            ("upper bound", _bps(told.high_bps), "The same, as an upper bound of the mean"),
            (f"lower bound, cut at {clip}", _bps(told.clipped_low_bps),
             f"Lower bound of the mean when each gain and loss is cut at {clip}. Exact for any "
             "number of trades (betting: Waudby-Smith, Ramdas). The verdict needs both bounds"),
            (f"upper bound, cut at {clip}", _bps(told.clipped_high_bps),
             "The same, as an upper bound of the mean"),
            ("seals opened", f"{told.seal_number:,} of {told.seals_opened:,}",
             "Sealed tests that were opened on this market, in this folder and session. The best "
             "of many is above zero by chance"),
        ],
    }  # fmt: skip


def _bps(value: float | None) -> str:
    return formatting.bps(np.nan if value is None else value, sign=True)


def _moment(at: int) -> str:
    return f"{str(np.datetime64(at, 'ns'))[:19].replace('T', ' ')} UTC"
