"""What is sealed, and when: the settings, the market, and how their trades are judged."""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from obi_widgets.calibration.confidence_sequence import ALPHA, BURN_IN, TUNED_AT
from obi_widgets.errors import SealError
from obi_widgets.signals.source import source_sha256
from obi_widgets.trading.entries import Scanner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters

CLIP = 100.0
"""Bps at which gains and losses are cut where the past has too few entries to choose it by."""

ENOUGH = 30
"""Entries of the past by which it is chosen otherwise."""

USUAL = {"signal": "imbalance", "threshold_is": "value"}
"""Settings that are left out of a seal where they have these values."""

CLIPS = 0.1, 10_000.0
"""The least and the largest that is possible, bps."""


@dataclass(frozen=True)
class Seal:
    """What is sealed: nothing of it changes.

    Attributes
    ----------
    settings : Parameters
        The values of the settings.
    venue, symbol : str
        The market.
    source : str
        ``live``, ``recording``, ``simulated``, or ``history`` where one was handed in.
    interval, levels, strict : float, int, bool
        Of the history: entries are decided at the states that it keeps.
    sealed_at : int
        Event time, nanoseconds UTC: only states after it are judged. 0 where there was none yet.
    opened_at : int
        The same moment by this computer's clock.
    clip_bps : float
        Where gains and losses are cut for the exact bound.
    number : int
        Which of the sealed tests on this market it is, from 1.
    signal_sha256 : str
        Of the source of a signal that is a user's function; empty for one of ours.
    error, burn_in, tuned_at : float, int, int
        Of the bounds; see `obi_widgets.calibration.confidence_sequence`.
    """

    settings: Parameters
    venue: str
    symbol: str
    source: str
    interval: float
    levels: int
    strict: bool
    sealed_at: int
    opened_at: int
    clip_bps: float
    number: int
    error: float = ALPHA
    burn_in: int = BURN_IN
    tuned_at: int = TUNED_AT
    signal_sha256: str = ""

    @property
    def market(self) -> str:
        """As in ``venue:SYMBOL``."""
        return f"{self.venue}:{self.symbol}".strip(":")

    @property
    def sha256(self) -> str:
        """A hash of all of it."""
        text = json.dumps(self.as_table(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def as_table(self) -> dict[str, Any]:
        """Return all of it as a file holds it.

        What files of version 1 did not have is left out where it is what they meant, so that their
        hash stays: the imbalance, and a threshold that is a value.
        """
        own = {one.name: getattr(self, one.name) for one in fields(self)}
        settings = self.settings.as_table()
        for table, usual in ((own, {"signal_sha256": ""}), (settings, USUAL)):
            for name, value in usual.items():
                if table[name] == value:
                    del table[name]
        return {**own, "settings": settings}

    def numbered(self, number: int) -> Seal:
        """Return the same with another number."""
        return replace(self, number=number)

    def differences(self, other: Seal) -> list[str]:
        """Return what of settings, market and states is another one in another seal."""
        names = ("venue", "symbol", "interval", "levels", "strict")
        found = differences(self.settings, other.settings)
        found += [
            f"{name} is {getattr(other, name)!r}, not {getattr(self, name)!r}"
            for name in names
            if getattr(other, name) != getattr(self, name)
        ]
        if self.settings.signal.name == other.settings.signal.name and (
            self.signal_sha256 != other.signal_sha256
        ):
            found.append(f"the source of {self.settings.signal.name} is another one")
        return found


def differences(sealed: Parameters, now: Parameters) -> list[str]:
    """Return what of settings is another one than was sealed; of another signal only that."""
    before, after = sealed.as_table(), now.as_table()
    names = ("signal",) if before["signal"] != after["signal"] else {**before, **after}
    return [
        f"{name} is {after.get(name)!r}, not {before.get(name)!r}"
        for name in names
        if after.get(name) != before.get(name)
    ]


class Judged(NamedTuple):
    """A trade that was judged: times in nanoseconds UTC; net as it was traded."""

    entry_time: int
    exit_time: int
    side: int
    net_bps: float


class Seen(NamedTuple):
    """The state that was looked at last.

    ``states`` have its time; ``bid`` and ``ask`` are None where there is none.
    """

    time: int
    states: int
    bid: float | None
    ask: float | None

    @classmethod
    def of(cls, history: History, row: int) -> Seen:
        """Return what is kept of a state."""
        at = int(history.time[row])
        states = row + 1 - int(np.searchsorted(history.time, at, side="left"))
        bid, ask = (float(one[row]) for one in (history.bid, history.ask))
        return cls(at, states, None if math.isnan(bid) else bid, None if math.isnan(ask) else ask)


def clip_by(nets: Sequence[float]) -> float:
    """Return where to cut gains and losses, by those of the past, bps.

    It is the largest of them, rounded up to 1, 2 or 5 times a power of ten; `CLIP` where there
    are fewer than `ENOUGH`.
    """
    if len(nets) < ENOUGH:
        return CLIP
    least, most = CLIPS
    largest = min(max(max(abs(net) for net in nets), least), most)
    power = 10.0 ** math.floor(math.log10(largest))
    rounded = next(m for m in (1, 2, 5, 10) if m * power >= largest * (1 - 1e-9)) * power
    return min(float(f"{rounded:.6g}"), most)


def make_seal(
    history: History,
    parameters: Parameters,
    *,
    source: str,
    number: int = 1,
    clip_bps: float | None = None,
) -> Seal:
    """Return a seal at the newest state of a history.

    Parameters
    ----------
    history : History
        What came before: none of it is judged.
    parameters : Parameters
        What is sealed.
    source, number : str, int
        See `Seal`.
    clip_bps : float, optional
        Where gains and losses are cut; by the entries of the history when left out.

    Raises
    ------
    SealError
        A cut that is not possible.
    SettingsError
        A signal whose source is not known: it could not be told from another one.
    """
    opened_at = time.time_ns()
    if clip_bps is None:
        scanner = Scanner(parameters)
        scanner.extend(history, parameters.signal(history, parameters))
        made = scanner.trades(history)
        clip_bps = clip_by(made.net_bps[made.exit_time > 0].tolist())
    least, most = CLIPS
    real = isinstance(clip_bps, int | float | np.floating) and not isinstance(clip_bps, bool)
    if not real or not least <= clip_bps <= most:
        raise SealError(
            f"clip_bps = {clip_bps!r} is not possible.",
            f"Give {least:g} to {most:,.0f} bps, or None for one that fits the past.",
        )
    return Seal(
        settings=parameters,
        venue=history.instrument.venue,
        symbol=history.instrument.symbol,
        source=source,
        interval=history.interval,
        levels=history.levels,
        strict=history.strict,
        sealed_at=int(history.time[-1]) if len(history) else 0,
        opened_at=opened_at,
        clip_bps=float(clip_bps),
        number=number,
        signal_sha256=source_sha256(parameters.signal),
    )
