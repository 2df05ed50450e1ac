"""The attributes of a history that its parts read, so that they need not import the class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from obi_widgets.history.context import Context
    from obi_widgets.history.depth import Depth
    from obi_widgets.history.flow import Flow
    from obi_widgets.history.large_levels import LargeLevels
    from obi_widgets.history.levels import Levels
    from obi_widgets.history.silences import Silence
    from obi_widgets.history.trades import Trades
    from obi_widgets.market_data.events import Instrument

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Singles = NDArray[np.float32]


class States(Protocol):
    """Book states, trades and context; see `History`."""

    # Properties, because a history's attributes are read-only.
    @property
    def time(self) -> Ints: ...  # noqa: D102
    @property
    def received(self) -> Ints: ...  # noqa: D102
    @property
    def bid(self) -> Floats: ...  # noqa: D102
    @property
    def ask(self) -> Floats: ...  # noqa: D102
    @property
    def mid(self) -> Floats: ...  # noqa: D102
    @property
    def spread(self) -> Floats: ...  # noqa: D102
    @property
    def lost(self) -> NDArray[np.bool_]: ...  # noqa: D102
    @property
    def reach(self) -> Singles: ...  # noqa: D102
    @property
    def blocks(self) -> tuple[Levels, ...]: ...  # noqa: D102
    @property
    def levels(self) -> int: ...  # noqa: D102
    @property
    def tick_size(self) -> float: ...  # noqa: D102
    @property
    def instrument(self) -> Instrument: ...  # noqa: D102
    @property
    def strict(self) -> bool: ...  # noqa: D102
    @property
    def notes(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def interval(self) -> float: ...  # noqa: D102
    @property
    def flow(self) -> Flow | None: ...  # noqa: D102
    @property
    def trades(self) -> Trades: ...  # noqa: D102
    @property
    def trade_ends(self) -> Ints: ...  # noqa: D102
    @property
    def context(self) -> Context: ...  # noqa: D102
    @property
    def depth(self) -> Depth: ...  # noqa: D102
    @property
    def large_levels(self) -> LargeLevels: ...  # noqa: D102
    @property
    def silences(self) -> tuple[Silence, ...]: ...  # noqa: D102
    @property
    def start(self) -> int: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice) -> States: ...
    def chunks(self) -> Iterator[tuple[slice, Levels]]: ...  # noqa: D102
    def prices(self, side: int) -> Floats: ...  # noqa: D102
    def sizes(self, side: int) -> Singles: ...  # noqa: D102
    def rank(self, number: int) -> tuple[NDArray[np.unsignedinteger[Any]], Singles]: ...  # noqa: D102
    def sha256(self) -> str: ...  # noqa: D102
