"""The figures and texts of a sealed test. It has no widget, so tests can read every text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.track_record import ABOVE, BELOW, PLACES, UNDECIDED
from obi_widgets.presentation.texts import formatting

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
"""Explanation beside the button."""


def of_seal(test: SealedTest | None) -> dict[str, Any]:
    """Return the texts of the newest sealed test; without a test, those of the button."""
    if test is None:
        return {"button": BUTTON, "about": ABOUT, "word": ""}
    summary = test.summary()
    clip = f"±{summary.clip_bps:g} bps"
    error_rate = f"{100 * summary.error:g} %"
    n, burn_in = summary.trades, summary.burn_in
    count = f"{n:,}" if n >= burn_in else f"{n:,} of {burn_in:,} at least"
    state = "broken · " if summary.broken else ""
    return {
        "button": BUTTON if summary.broken else "",  # a click must not end a test
        "about": ABOUT if summary.broken else "",
        "word": f"{state}{summary.verdict}".capitalize(),
        "sign": SIGNS[summary.verdict],
        "tone": "" if summary.broken else TONES[summary.verdict],
        "reason": formatting.signed(summary.reason),
        "of": f"sealed {_moment(test.seal.sealed_at or test.seal.opened_at)} · "
        f"sha256 {summary.sha256[:10]}…",
        "facts": [
            ("trades since the seal", count,
             f"One after the other, each held for {test.seal.settings.hold_seconds:g} s, none "
             f"across a gap. There is no decision before {burn_in:,} trades"),
            ("mean net", _bps(summary.mean_bps), "Mean return per trade, after all costs"),
            *_places(test),
            ("lower bound", _bps(summary.low_bps),
             f"Lower bound of the mean. The chance that it is ever wrong is at most {error_rate}, "
             "however often you look, if trades are many (asymptotic confidence sequence: "
             "Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas)"),
            ("upper bound", _bps(summary.high_bps), "The same, as an upper bound of the mean"),
            (f"lower bound, cut at {clip}", _bps(summary.clipped_low_bps),
             f"Lower bound of the mean when each gain and loss is cut at {clip}. Exact for any "
             "number of trades (betting: Waudby-Smith, Ramdas). The verdict needs both bounds"),
            (f"upper bound, cut at {clip}", _bps(summary.clipped_high_bps),
             "The same, as an upper bound of the mean"),
            ("seals opened", f"{summary.seal_number:,} of {summary.seals_opened:,}",
             "Number of this sealed test, of all opened on this market in this folder and session. "
             "Of many tests, the best may be above zero by chance"),
        ],
    }  # fmt: skip


def _bps(value: float | None) -> str:
    return formatting.bps(np.nan if value is None else value, sign=True)


def _moment(at: int) -> str:
    return f"{str(np.datetime64(at, 'ns'))[:19].replace('T', ' ')} UTC"


def _places(test: SealedTest) -> list[tuple[str, str, str]]:
    """Return the results of post-only orders for each place in the queue; nothing of a taker."""
    if len(test.records) < 2:
        return []
    return [
        (PLACES[record.queue], f"{_bps(record.mean.mean)} of {len(record.trades):,}",
         "Mean net return and number of trades if orders are there. The tape does not tell their "
         "place, so the worse result is judged")
        for record in test.records
    ]  # fmt: skip
