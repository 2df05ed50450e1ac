"""The result of `obi_widgets.event_study`: mean paths, the lead of each signal, and words."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from obi_widgets.calibration.statistics.sign_flips import FEWEST
from obi_widgets.checks import choice

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.history.provenance import Provenance

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Lead(NamedTuple):
    """How long before the start of moves a path differs significantly from usual.

    Attributes
    ----------
    first, last : float
        Seconds before the start at which the last told stretch begins, and ends: 0 is the start.
    sign : int
        +1 if the path is above its usual level there, with the move of a signal that has a
        direction; −1 if it is below.
    """

    first: float
    last: float
    sign: int


@dataclass(frozen=True, eq=False)
class SignalPath:
    """The mean path of one signal around large moves; L lags. Made by `obi_widgets.event_study`.

    Attributes
    ----------
    name, unit : str
        The signal's name, and its unit.
    directional : bool
        Whether its path is signed by the direction of each move; False for a gauge.
    lags : ndarray of float64, shape (L,)
        Seconds from the start of the moves.
    path, usual : ndarray of float64, shape (L,)
        Its mean around the moves, and at earlier times; in its unit. NaN without a move.
    half : ndarray of float64, shape (L,)
        Half of the width of the interval of ``path − usual``, of each lag for itself. NaN with
        fewer than ten blocks of time that hold a move.
    band : ndarray of float64, shape (L,)
        The same for all lags up to the start, and for all signals, together; NaN after it.
    used : int
        Moves that the path is the mean of.
    no_value, no_usual : int
        Moves left out because the signal has no value on the whole path, or too few earlier ones.
    blocks : int
        Blocks of time that hold these moves.
    looks_ahead : str
        At which state the signal uses later data; empty if none was found.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=600, seed=2)
    >>> path = obi.event_study(history, window=2, before=10, after=10).signals[0]
    >>> path.path.shape == path.lags.shape
    True
    """

    name: str
    unit: str
    directional: bool
    lags: Floats
    path: Floats
    usual: Floats
    half: Floats
    band: Floats
    used: int
    no_value: int
    no_usual: int
    blocks: int
    looks_ahead: str

    @property
    def more(self) -> Floats:
        """``path − usual``, shape (L,)."""
        return np.asarray(self.path - self.usual)

    @property
    def told(self) -> NDArray[np.bool_]:
        """At which lags up to the start the path differs significantly from usual, shape (L,)."""
        return np.asarray(np.abs(self.more) > self.band)

    @property
    def lead(self) -> float:
        """Seconds before the start from which on the path differs significantly from usual.

        It is that of the last told stretch of lags; 0 if it is told at the start alone. NaN if no
        lead is told.
        """
        found = self._stretch()
        return np.nan if found is None else found.first

    def _stretch(self) -> Lead | None:
        """Return the last stretch of told lags of one sign; None if there is none."""
        told = np.flatnonzero(self.told)
        if not len(told):
            return None
        sign, last = np.sign(self.more), told[-1]
        first = last
        while first > 0 and self.told[first - 1] and sign[first - 1] == sign[last]:
            first -= 1
        # Adding 0 keeps the start from being minus zero.
        return Lead(0.0 - float(self.lags[first]), 0.0 - float(self.lags[last]), int(sign[last]))

    @property
    def says(self) -> str:
        """What is found, in words."""
        if self.looks_ahead:
            return "left out: it uses later data"
        if self.no_value and not self.used:
            return "no value around the moves: it may look back further than the record"
        if self.blocks < FEWEST:
            return (
                f"too few moves to tell: {self.used} in {self.blocks} blocks of time, and "
                f"{FEWEST} blocks are needed"
            )
        found = self._stretch()
        if found is None:
            return "no lead told"
        start = "before the start of moves"
        if found.first == 0:
            where = "at the start of moves, and not before"
        elif found.last == 0:
            where = f"from {found.first:g} s {start} on"
        elif found.last < found.first:
            where = f"from {found.first:g} s to {found.last:g} s {start}, not at it"
        else:
            where = f"at {found.first:g} s {start}, not at it"
        if self.directional:
            return f"points {'with' if found.sign > 0 else 'against'} the move {where}"
        return f"is {'higher' if found.sign > 0 else 'lower'} than usual {where}"


@dataclass(frozen=True, eq=False)
class EventStudy:
    """Mean paths of signals around large moves of mid: L lags, N moves. Made by `event_study`.

    Its text says what is found.

    Attributes
    ----------
    signals : tuple of SignalPath
        The path of each signal.
    lags : ndarray of float64, shape (L,)
        Seconds from the start of the moves, below 0 before it.
    window : float
        Seconds over which a move is measured.
    beyond : float
        What its size exceeds.
    beyond_is : {"quantile", "bps"}
        What that is.
    of_last : float
        Seconds whose windows give the quantile, and the usual path.
    level : float
        Level of the intervals and of the band.
    time : ndarray of int64, shape (N,)
        Start of each move with a path of its own, ns UTC.
    side : ndarray of int8, shape (N,)
        +1 for a rise, −1 for a fall.
    size_bps : ndarray of float64, shape (N,)
        Its size, bps.
    mid_bps : ndarray of float64, shape (L,)
        Mean path of mid from the start, in the direction of the move, bps.
    windows, judged : int
        Windows of the record, and those that could be compared with the bound.
    overlap, gap : int
        Moves left out because their path begins before an earlier move has ended, or crosses a gap
        or an end of the record.
    notes : tuple of str
        What limits the figures.
    origin : Provenance or None
        Where the states come from.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=600, seed=2)
    >>> study = obi.event_study(history, ["imbalance", "queue_imbalance"], before=10, after=10)
    >>> study.to_frame().index.names
    FrozenList(['signal', 'lag'])
    """

    signals: tuple[SignalPath, ...]
    lags: Floats
    window: float
    beyond: float
    beyond_is: Literal["quantile", "bps"]
    of_last: float
    level: float
    time: Ints
    side: NDArray[np.int8]
    size_bps: Floats
    mid_bps: Floats
    windows: int
    judged: int
    overlap: int
    gap: int
    notes: tuple[str, ...]
    origin: Provenance | None

    @property
    def names(self) -> tuple[str, ...]:
        """The signals' names."""
        return tuple(one.name for one in self.signals)

    @property
    def moves(self) -> int:
        """Moves with a path of their own, N."""
        return len(self.time)

    @property
    def found(self) -> int:
        """All moves, those left out included."""
        return self.moves + self.overlap + self.gap

    def says(self, name: str) -> str:
        """Return what is found of a signal, in words.

        Parameters
        ----------
        name : str
            One of ``names``.
        """
        choice("name", name, self.names)
        return self.signals[self.names.index(name)].says

    def to_frame(self) -> pd.DataFrame:
        """Return the paths.

        Returns
        -------
        DataFrame
            A row for each signal and lag (seconds): ``path``, ``usual`` and ``more``, their
            difference, in the signal's unit; ``low, high``, its interval at this lag for itself;
            ``band_low, band_high``, the band up to the start; ``told``, whether the band leaves out
            0.
        """
        import pandas as pd

        tables = [
            pd.DataFrame(
                {
                    "path": one.path, "usual": one.usual, "more": one.more,
                    "low": one.more - one.half, "high": one.more + one.half,
                    "band_low": one.more - one.band, "band_high": one.more + one.band,
                    "told": one.told,
                },
                index=pd.Index(self.lags, name="lag"),
            )
            for one in self.signals
        ]  # fmt: skip
        return pd.concat(tables, keys=self.names, names=["signal"])

    @property
    def summary(self) -> pd.DataFrame:
        """A row for each signal: a DataFrame.

        ``lead`` in seconds, NaN if none is told; ``used`` moves; ``no_value, no_usual``, moves left
        out of its path; ``blocks`` of time that hold them; ``says``, the result in words.
        """
        import pandas as pd

        names = ("lead", "used", "no_value", "no_usual", "blocks", "says")
        return pd.DataFrame(
            {name: [getattr(one, name) for one in self.signals] for name in names},
            index=pd.Index(self.names, name="signal"),
        )

    @property
    def heading(self) -> str:
        """What moves are, how many there are, and how many are left out: two sentences."""
        place = (self.origin.market if self.origin else "") or "a market without a name"
        what = f"quantile {self.beyond:g} of the last {self.of_last:,.0f} s" if (
            self.beyond_is == "quantile"
        ) else f"{self.beyond:g} bps"  # fmt: skip
        rises = int(np.count_nonzero(self.side > 0))
        out = f"{self.overlap:,} overlap an earlier move, {self.gap:,} cross a gap or an end"
        return (
            f"{self.moves:,} moves of {place}, {rises:,} of them rises: windows of "
            f"{self.window:g} s over which mid changes by more than {what}. Left out: {out}."
        )

    def __repr__(self) -> str:
        lines = [self.heading, ""]
        wide = max(map(len, self.names))
        for one in self.signals:
            out = [
                f"{count:,} without {what}"
                for count, what in ((one.no_value, "a value"), (one.no_usual, "a usual path"))
                if count
            ]
            less = f"; {', '.join(out)}" if out else ""
            lines.append(f"{one.name.ljust(wide)}  {one.says} ({one.used:,} moves{less}).")
        lines.append("")
        lines.append(
            f"Judged by a {100 * self.level:g} % band for all lags up to the start"
            f"{' and all signals' if len(self.signals) > 1 else ''} together."
        )
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"
