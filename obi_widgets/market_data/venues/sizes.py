"""Sizes that a venue counts in contracts, in base units."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.market_data.events import Level

Amount = TypeVar("Amount", float, NDArray[np.float64])


class SizeUnit(NamedTuple):
    """The unit of the sizes that a venue sends.

    A linear contract is so many coins. An inverse one is worth so much quote currency, so at a
    higher price it is fewer coins.

    Attributes
    ----------
    contract_size : float
        Coins in one contract; of an inverse contract, its value in quote currency. 1 if the venue
        counts coins.
    inverse : bool
        Whether the contract is inverse.

    Examples
    --------
    >>> SizeUnit(0.001).base_units(2000.0, 5)
    0.005
    >>> SizeUnit(10.0, inverse=True).base_units(2000.0, 5)  # 5 contracts of 10 USD at 2,000 USD
    0.025
    """

    contract_size: float = 1.0
    inverse: bool = False

    def base_units(self, price: Amount, size: Amount) -> Amount:
        """Return sizes at prices, of levels or of trades, in base units."""
        return size * self.contract_size / price if self.inverse else size * self.contract_size

    def levels(self, levels: Iterable[tuple[float, float]]) -> list[Level]:
        """Return levels with their sizes in base units."""
        unit = self.contract_size
        if self.inverse:
            return [(price, size * unit / price) for price, size in levels]
        return [(price, size * unit) for price, size in levels]


COINS = SizeUnit()
"""That of venues which count coins."""
