"""The seal of a sealed test: settings, market, time, and the bounds that judge the trades."""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from obi_widgets.calibration.confidence_sequence import ALPHA, BURN_IN, TUNED_AT
from obi_widgets.errors import SealError, SettingsError
from obi_widgets.signals.source import source_sha256
from obi_widgets.trading.entries import Scanner
from obi_widgets.trading.post_only import has_trades, queues_of, refuse_without_trades
from obi_widgets.trading.trade_list import StateKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.signals.signal import Signal

CLIP = 100.0
"""Default size at which gains and losses are clipped, bps, if the past has too few entries."""

MIN_ENTRIES = 30
"""Fewest past entries from which the clip is chosen."""

IMPLIED = {"signal": "imbalance", "threshold_is": "value"}
"""Settings that a seal leaves out if they have these values, as files of version 1 do."""

CLIP_RANGE = 0.1, 10_000.0
"""Smallest and largest possible clip, bps."""


@dataclass(frozen=True)
class Seal:
    """What a sealed test fixes in advance; immutable.

    Made by `obi_widgets.Session.seal` and `obi_widgets.sealed_test`.

    Attributes
    ----------
    settings : Parameters
        The sealed settings.
    venue, symbol : str
        The market.
    source : {"live", "recording", "simulated", "history", "given"}
        Where the data come from; ``"history"`` if a history was given, ``"given"`` if books were
        given by the user's own code.
    interval, levels, strict : float, int, bool
        Seconds between states, levels per side, and strictness of the history, at whose states
        entries are decided.
    sealed_at : int
        Event time of the seal, nanoseconds UTC: only later states are judged. 0 if there was no
        state yet.
    opened_at : int
        The same time by the clock of this computer, nanoseconds UTC.
    clip_bps : float
        Size at which gains and losses are clipped for the exact bound, bps.
    number : int
        Number of this sealed test among those on the market, from 1.
    signal_sha256 : str
        Hash of the source of a signal defined by a user; empty for a signal of this package.
    error, burn_in, tuned_at : float, int, int
        Error probability α of each bound, trades before the first asymptotic bound, and trades at
        which it is tightest; see `obi_widgets.calibration.confidence_sequence`.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=60, seed=1)
    >>> seal = obi.sealed_test(history, obi.Settings(), after=history.time[300]).seal
    >>> seal.market
    'sim:BTC-PERP'
    >>> len(seal.sha256)
    64
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
        """The market as ``venue:SYMBOL``."""
        return f"{self.venue}:{self.symbol}".strip(":")

    @property
    def sha256(self) -> str:
        """SHA-256 of all that is sealed, as hexadecimal text."""
        text = json.dumps(self.as_table(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def as_table(self) -> dict[str, Any]:
        """Return the seal as a table for a file.

        Fields that files of version 1 lack are left out if they have the value that those files
        imply, so that their hash is unchanged: the imbalance, and a threshold that is a value.
        """
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        settings = self.settings.as_table()
        for table, implied in ((own, {"signal_sha256": ""}), (settings, IMPLIED)):
            for name, value in implied.items():
                if table[name] == value:
                    del table[name]
        return {**own, "settings": settings}

    def numbered(self, number: int) -> Seal:
        """Return the same seal with another number."""
        return replace(self, number=number)

    def differences(self, other: Seal) -> list[str]:
        """Return how settings, market and states differ in another seal, one sentence part each."""
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
            found.append(f"the source of {self.settings.signal.name} differs")
        return found


def differences(sealed: Parameters, now: Parameters) -> list[str]:
    """Return how settings differ from the sealed ones; if the signal differs, only that."""
    before, after = sealed.as_table(), now.as_table()
    names = ("signal",) if before["signal"] != after["signal"] else {**before, **after}
    return [
        f"{name} is {after.get(name)!r}, not {before.get(name)!r}"
        for name in names
        if after.get(name) != before.get(name)
    ]


class Judged(NamedTuple):
    """A judged trade: times in nanoseconds UTC, side +1 or −1, net gain in bps."""

    entry_time: int
    exit_time: int
    side: int
    net_bps: float


class Seen(NamedTuple):
    """The state that was judged last.

    ``time`` is in nanoseconds UTC; ``states`` is the number of states up to it with the same time;
    ``bid`` and ``ask`` are None for an empty side.
    """

    time: int
    states: int
    bid: float | None
    ask: float | None

    @property
    def key(self) -> StateKey:
        """The key by which the state is found in another history."""
        return StateKey(self.time, self.states)

    @classmethod
    def of(cls, history: History, row: int) -> Seen:
        """Return the record of one row of a history."""
        key = StateKey.of(history, row)
        bid, ask = (float(one[row]) for one in (history.bid, history.ask))
        return cls(*key, None if math.isnan(bid) else bid, None if math.isnan(ask) else ask)


def clip_by(nets: Sequence[float]) -> float:
    """Return the size at which to clip gains and losses, from those of the past, bps.

    It is the largest of them, rounded up to 1, 2 or 5 times a power of ten; `CLIP` if there are
    fewer than `MIN_ENTRIES`.
    """
    if len(nets) < MIN_ENTRIES:
        return CLIP
    low, high = CLIP_RANGE
    largest = min(max(max(abs(net) for net in nets), low), high)
    power = 10.0 ** math.floor(math.log10(largest))
    rounded = next(m for m in (1, 2, 5, 10) if m * power >= largest * (1 - 1e-9)) * power
    return min(float(f"{rounded:.6g}"), high)


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
        The past, which is not judged.
    parameters : Parameters
        The settings to seal.
    source, number : str, int
        See `Seal`.
    clip_bps : float, optional
        Size at which gains and losses are clipped, bps; by default from the past entries.

    Raises
    ------
    SealError
        If ``clip_bps`` is not possible.
    SettingsError
        If the source of the signal is unknown, so that a change of it would go unnoticed; if orders
        are post-only and the source sends no trades.
    """
    if parameters.execution == "post_only" and not history.trades.streamed:
        refuse_without_trades(history)
    opened_at = time.time_ns()
    if clip_bps is None:
        clip_bps = clip_by(_past_nets(history, parameters))
    low, high = CLIP_RANGE
    is_number = isinstance(clip_bps, int | float | np.floating) and not isinstance(clip_bps, bool)
    if not is_number or not low <= clip_bps <= high:
        raise SealError(
            f"clip_bps = {clip_bps!r} is not possible.",
            f"Give {low:g} to {high:,.0f} bps, or None to choose it from the past entries.",
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


def _past_nets(history: History, parameters: Parameters) -> list[float]:
    """Return the net gains of past entries, bps: for post-only orders, of both bounds."""
    if parameters.execution == "post_only" and not has_trades(history):
        return []
    nets: list[float] = []
    signal = parameters.signal(history, parameters)
    for queue in queues_of(parameters):
        scanner = Scanner(parameters, queue)
        scanner.extend(history, signal)
        made = scanner.trades(history)
        nets += (made.weight * made.net_bps)[made.exit_time > 0].tolist()
    return nets


def sha256_of(signal: Signal) -> str:
    """Return the hash of a signal's source; text that equals no hash if the source is unknown."""
    try:
        return source_sha256(signal)
    except SettingsError:
        return "not known"


def clock(at: int) -> str:
    """Return a time, ns UTC, in words."""
    return f"{str(np.datetime64(at, 'ns'))[:19].replace('T', ' ')} UTC"
