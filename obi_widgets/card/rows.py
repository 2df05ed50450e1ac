"""The card of one cycle, made of the columns of all."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.card.card import Card, CardReason, CardWindow
from obi_widgets.signals.cycle_windows import LEAST_LIVE, conflict
from obi_widgets.signals.cycles import CYCLE, CYCLE_SECONDS, cycles_in
from obi_widgets.trading.own_past import DAY, LEAST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.card.confidence import CardConfidence
    from obi_widgets.card.modes import Mode

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

STALE_SECONDS = 10.0
"""Age of the book from which on a card is stale: no state came for a whole cycle, and the signals
of every window then hold what may have gone."""


class CardRows:
    """Properties of `Cards` derived from its columns, and the card of one cycle."""

    mode: Mode
    signals: tuple[str, ...]
    begun: int
    time: Ints
    mid: Floats
    age: Floats
    spread_bps: Floats
    parts: Floats
    values: Floats
    live: Floats
    bands: Floats
    direction: Floats
    direction_band: Floats
    agreement: Floats
    strength: Floats
    quality: Floats
    price_bps: Floats
    cycle_live: Ints

    @cached_property
    def beyond(self) -> Flags:
        """Where a window's |value| exceeds its band, shape (3, N)."""
        with np.errstate(invalid="ignore"):
            return np.abs(self.values) > self.bands

    @cached_property
    def conflict(self) -> Floats:
        """1 where two windows beyond their bands have different signs, else 0; NaN if unknown."""
        return conflict(self.values, self.bands)

    @cached_property
    def state(self) -> NDArray[np.str_]:
        """The state of each card, shape (N,); see `Card`."""
        with np.errstate(invalid="ignore"):
            fresh = self.age < STALE_SECONDS
            leans = np.abs(self.direction) > self.direction_band
        unknown = np.isnan(self.conflict) | np.isnan(self.direction_band)
        return np.select(
            [~fresh, unknown, self.conflict == 1, leans & (self.direction > 0), leans],
            ["stale", "not_ready", "conflict", "long", "short"],
            "neutral",
        )

    def _card(self, row: int, confidence: CardConfidence) -> Card:
        """Return the card of one cycle."""
        windows = tuple(self._window(row, which) for which in range(len(self.values)))
        in_conflict = float(self.conflict[row])
        direction, move = float(self.direction[row]), float(self.price_bps[row])
        return Card(
            time=int(self.time[row]),
            mode=self.mode,
            state=str(self.state[row]),
            reason=self._reason(row, windows),
            direction=direction,
            direction_band=float(self.direction_band[row]),
            strength=float(self.strength[row]),
            agreement=float(self.agreement[row]),
            quality=float(self.quality[row]),
            since=self._since(row),
            windows=windows,
            parts={
                name: tuple(part[:, row].tolist())
                for name, part in zip(self.signals, self.parts, strict=True)
            },
            conflict=None if np.isnan(in_conflict) else bool(in_conflict),
            price_bps=move,
            price={1.0: "aligned", -1.0: "diverging"}.get(float(np.sign(direction * move)), ""),
            mid=float(self.mid[row]),
            spread_bps=float(self.spread_bps[row]),
            age=float(self.age[row]),
            confidence=confidence,
        )

    def _window(self, row: int, which: int) -> CardWindow:
        value, band = float(self.values[which, row]), float(self.bands[which, row])
        return CardWindow(
            seconds=self.mode.windows[which],
            value=value,
            band=band,
            beyond=bool(self.beyond[which, row]),
            live=float(self.live[which, row]),
            ready=self._ready(row, self.values[which], self.mode.windows[which]),
        )

    def _ready(self, row: int, values: Floats, seconds: float) -> int | None:
        """Return the earliest time at which values of a window, and their band, can be there.

        None if they are. All time to come is taken as live.
        """
        had = int(np.count_nonzero(~np.isnan(values[max(row - DAY, 0) : row])))
        missing = max(LEAST - had, 0)  # each cycle from when it has values is one more
        now = int(self.time[row])
        if not np.isnan(values[row]):
            return now + missing * CYCLE if missing else None
        cycles = cycles_in(seconds)
        seen = max(self.begun + (cycles + missing) * CYCLE - now, 0) // CYCLE
        lived = np.cumsum(self.cycle_live[max(row + 1 - cycles, 0) : row + 1][::-1])
        # After k cycles more, the window has the k new ones and the newest of those so far.
        more = np.arange(1, cycles + 1)
        kept = np.append(0, lived)[np.minimum(cycles - more, len(lived))]
        filled = int(np.argmax(kept + more * CYCLE >= LEAST_LIVE * cycles * CYCLE)) + 1
        return now + max(seen, filled + missing) * CYCLE

    def _reason(self, row: int, windows: tuple[CardWindow, ...]) -> CardReason:
        state, nan = self.state[row], float("nan")
        if state == "stale":
            age = float(self.age[row])
            what = "book" if np.isnan(age) else "age"
            return CardReason(what, (), age, STALE_SECONDS, None)
        if state == "conflict":
            beyond = tuple(one.seconds for one in windows if one.beyond)
            return CardReason("conflict", beyond, nan, nan, None)
        if state != "not_ready":
            has, needs = abs(float(self.direction[row])), float(self.direction_band[row])
            return CardReason("direction", (), has, needs, None)
        waits = [self._ready(row, self.direction, one.seconds) for one in windows]
        ready = max((one for one in waits if one is not None), default=None)
        empty = [one for one in windows if np.isnan(one.value)]
        if empty:
            last = max(empty, key=lambda one: one.seconds)
            has = last.live * last.seconds
            return CardReason("window", (last.seconds,), has, last.seconds, ready)
        banded = [one for one in windows if np.isnan(one.band)]
        of: Floats = self.direction
        which: tuple[float, ...] = ()
        if banded:
            last = max(banded, key=lambda one: one.seconds)
            which = (last.seconds,)
            of = self.values[self.mode.windows.index(last.seconds)]
        had = int(np.count_nonzero(~np.isnan(of[max(row - DAY, 0) : row])))
        return CardReason("band", which, had * CYCLE_SECONDS, LEAST * CYCLE_SECONDS, ready)

    def _since(self, row: int) -> int | None:
        sign = np.sign(self.direction[: row + 1])
        if np.isnan(sign[-1]) or sign[-1] == 0:
            return None
        others = np.flatnonzero(sign != sign[-1])
        return int(self.time[others[-1] + 1]) if len(others) else None
