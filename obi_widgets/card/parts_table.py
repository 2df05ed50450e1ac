"""What each part of a card, a signal in a window, says by itself, and what it adds to the others.

The figures are those of `calibration.incremental`, at the mode's horizon, of a row each 10 s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.incremental import LEAST_OWN, TWINS, incremental
from obi_widgets.calibration.statistics.multiple_testing import holm
from obi_widgets.card.outcomes import returns_after
from obi_widgets.signals.cycles import CYCLE

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.calibration.incremental import Incremental

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

FIGURES = ("low", "high", "p")


def parts_table(
    time: Ints,
    mid: Floats,
    lost: Flags,
    parts: Floats,
    names: list[tuple[str, float]],
    *,
    horizon: float,
    level: float,
) -> pd.DataFrame:
    """Return a row for each part; see `Cards.parts_table`.

    Parameters
    ----------
    time, mid, lost, horizon
        See `outcomes.returns_after`.
    parts : ndarray of float64, shape (K, N)
        The parts of each card.
    names : list of (str, float), length K
        Signal and window (seconds) of each.
    level : float
        Level of the intervals, 0..1.
    """
    import pandas as pd

    returns = returns_after(time, mid, lost, horizon)
    elapsed = np.cumsum(np.where(lost, 0, CYCLE))
    elapsed -= elapsed[:1].sum()
    used = np.flatnonzero([_varies(part) for part in parts])
    alone = [incremental(mid, elapsed, [part], returns, level) for part in parts]
    # A part that never varies, or has no value, would leave no row at which all have one.
    others = incremental(mid, elapsed, list(parts[used]), returns, level)
    by_itself = {
        name: np.array([float(getattr(one, name)[0, 0]) for one in alone])
        for name in ("ic", *FIGURES)
    }
    given_others = {name: np.full(len(parts), np.nan) for name in ("ic", *FIGURES, "own")}
    for name in ("ic", *FIGURES):
        given_others[name][used] = getattr(others, name)[:, 0]
    given_others["own"][used] = others.own
    repeats = [""] * len(parts)
    for row, part in enumerate(used.tolist()):
        twin = _repeated(others, row)
        if twin is not None:
            repeats[part] = _called(*names[used[twin]])
    columns = {
        "n": np.array([int(one.n[0]) for one in alone]),
        "rank_ic": by_itself["ic"],
        **{name: by_itself[name] for name in FIGURES},
        "p_adjusted": holm(by_itself["p"], tried=len(parts)),
        "adds": given_others["ic"],
        **{f"adds_{name}": given_others[name] for name in FIGURES},
        "adds_p_adjusted": holm(given_others["p"], tried=len(parts)),
        "adds_n": np.full(len(parts), int(others.n[0])),
        "own": given_others["own"],
    }
    found = pd.DataFrame(
        columns, index=pd.MultiIndex.from_tuples(names, names=["signal", "window"])
    )
    found["repeats"] = repeats
    found["says"] = [
        _says(row, repeated, 1 - level, has_others=len(used) > 1)
        for (_, row), repeated in zip(found.iterrows(), repeats, strict=True)
    ]
    return found


def _varies(part: Floats) -> bool:
    """Return whether a part has different values."""
    known = part[~np.isnan(part)]
    return bool(len(known) and np.ptp(known) > 0)


def _repeated(others: Incremental, row: int) -> int | None:
    """Return which earlier part one repeats, by the rule of `Comparison.repeats`."""
    before = np.nan_to_num(np.abs(others.correlation[row, :row]))
    if not len(before) or not before.max() >= TWINS:
        return None
    return int(np.argmax(before))


def _says(row: pd.Series[float], repeats: str, error: float, *, has_others: bool) -> str:
    """Return what is found of a part, in words."""
    if np.isnan(row.own):
        return "it has no value, or is always the same"
    if row.own < LEAST_OWN:
        return "collinear with the others together: what it adds cannot be told"
    if repeats:
        return f"repeats {repeats}"
    tells = row.p_adjusted < error
    if not has_others:
        return "tells returns" if tells else "not significant"
    if row.adds_p_adjusted < error:
        return "adds to the others"
    if np.isnan(row.adds_p_adjusted):
        return "too short to tell what it adds"
    return "adds nothing significant" if tells else "not significant"


def _called(signal: str, seconds: float) -> str:
    return f"{signal} of {seconds:g} s"
