"""What a click on a level of the ladder sets: how deep the signal looks into the book."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from obi_widgets.errors import SettingsError
from obi_widgets.parameters import Band, Levels
from obi_widgets.presentation.texts import formatting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from obi_widgets.parameters import Parameter
    from obi_widgets.settings.parameters import Parameters

    Floats = NDArray[np.float64]


class LevelChoice(NamedTuple):
    """The settings that make a level the deepest that the signal uses, if it has such settings.

    A limit that is in use is moved: the depth to the level's rank, the band to its distance from
    mid. If both are in use, the band moves only where it would leave the level out. If neither is,
    the depth is set. Two depths, or two bands, are not moved: they are not of one level.

    Attributes
    ----------
    depth, band : Parameter or None
        The parameters that are moved.
    limit : float
        Where both are moved, the band as it is, bps: a level within it leaves it alone; else 0.
    reason : str
        Why a level cannot be chosen; empty if it can.
    """

    depth: Parameter | None
    band: Parameter | None
    limit: float
    reason: str

    @classmethod
    @lru_cache(16)
    def of(cls, parameters: Parameters) -> LevelChoice:
        """Ask the declaration of the settings' signal."""
        signal, values = parameters.signal, dict(parameters.values)
        depths, bands = (
            [one for one in signal.parameters.values() if isinstance(one.kind, kind)]
            for kind in (Levels, Band)
        )
        name = signal.title
        if not depths and not bands:
            return cls(None, None, 0.0, f"{name} has neither a depth nor a band.")
        if len(depths) > 1 or len(bands) > 1:
            several = " and ".join(one.title for one in (depths if len(depths) > 1 else bands))
            return cls(None, None, 0.0, f"{name} has {several}: set them by their sliders.")
        depth, band = (one[0] if one else None for one in (depths, bands))
        if band is not None and depth is not None:
            if values[band.name] is None:
                return cls(depth, None, 0.0, "")
            if values[depth.name] is None:
                return cls(None, band, 0.0, "")
            return cls(depth, band, values[band.name], "")
        return cls(depth, band, 0.0, "")

    def changes(self, rank: int, bps: float) -> dict[str, Any]:
        """Return the values to set.

        Parameters
        ----------
        rank : int
            Rank of the level, 1 for the best price of its side.
        bps : float
            The band that reaches to it and no further, see `band_to`.

        Raises
        ------
        SettingsError
            If the signal has neither, or the value is out of its bounds.
        """
        if self.reason:
            raise SettingsError("A level cannot be chosen.", self.reason)
        values = {}
        if self.depth is not None:
            values[self.depth.name] = self.depth.check(rank)
        if self.band is not None and bps > self.limit:
            values[self.band.name] = self.band.check(bps)
        return values

    def bands(self, prices: Floats, mid: float, tick_size: float) -> list[float]:
        """Return the band of each level, bps; empty if no band is moved.

        Parameters
        ----------
        prices : ndarray of float64, shape (n,)
            Prices of the levels, quote currency; NaN where there is none.
        mid, tick_size : float
            Quote currency.
        """
        if self.band is None:
            return []
        known = (price for price in prices.tolist() if price == price)
        return [band_to(price, mid, tick_size) for price in known]


@lru_cache(16)
def words(choice: LevelChoice, levels: int) -> dict[str, Any]:
    """Return what the page says of the first levels, as JSON; see ``static/levels.js``."""
    found: dict[str, Any] = {"why": choice.reason, "depths": [], "band": None}
    if choice.depth is not None:
        found["depths"] = [_depth_word(choice.depth, rank) for rank in range(1, levels + 1)]
    if choice.band is not None:
        kind = choice.band.kind
        assert isinstance(kind, Band)
        refusal = f"{choice.band.title}: {kind.allowed}"
        found["band"] = [choice.band.title, choice.limit, [kind.low, kind.high], refusal]
    return found


def _depth_word(depth: Parameter, rank: int) -> tuple[str, bool]:
    """Return what a level sets the depth to, or which are possible; and whether it can."""
    try:
        value = depth.check(rank)
    except SettingsError:
        return f"{depth.title}: {depth.kind.allowed}", False
    return f"{depth.title} to {formatting.value(depth, value)}", True


def band_to(price: float, mid: float, tick_size: float) -> float:
    """Return the band that reaches to a price and not to the next tick, bps, in few decimals."""
    distance, tick = (1e4 * one / mid for one in (abs(price - mid), tick_size))
    decimals = max(math.ceil(-math.log10(tick / 2)), 0)
    return math.ceil(distance * 10.0**decimals) / 10.0**decimals
