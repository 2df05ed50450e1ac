"""Trade imbalance: by hand, against a plain loop, and appended to."""

from __future__ import annotations

import numpy as np
import pytest
from test_trades import SECOND, T0, tape, write

import obi_widgets as obi
from obi_widgets.history import trades as table
from obi_widgets.signals.registry import find


def test_by_hand():
    # Sizes are 1, 2, 3 and so on. At 5: of (2, 5] are +2 −3; at 8: of (5, 8] is −4.
    history = write(tape("b1 s2 b3 a4 s5 s6 a7 s8 s11 b12 s13")).history()
    found = find("trade_imbalance")(history, window=3.0)
    nan = np.nan
    assert np.array_equal(found, [nan, -1 / 5, -1 / 5, -1, nan, 1], equal_nan=True)


def test_without_trades_it_is_no_number():
    history = obi.History.from_arrays(
        T0 + SECOND * np.arange(30), np.full(30, 1.0), np.ones(30), np.full(30, 2.0), np.ones(30)
    )
    assert np.isnan(find("trade_imbalance")(history)).all()


@pytest.mark.parametrize("window", [1.0, 7.5])
def test_it_is_what_a_plain_loop_gives_and_the_same_appended_to(window):
    history = obi.simulate(seconds=60, seed=3, levels=2)
    signal, trades, rows = find("trade_imbalance"), history.trades, table.rows(history)
    values, first = signal(history, window=window), history.time[0]
    lots = np.rint(trades.size / 1e-5).astype(int).tolist()
    for row in range(0, len(history), 7):
        now, bought, sold = history.time[row], 0, 0
        for lot, side, at in zip(lots, trades.side, rows, strict=True):
            if now - window * SECOND < history.time[at] <= now:
                bought, sold = bought + lot * (side > 0), sold + lot * (side < 0)
        known = bought + sold > 0 and now - window * SECOND >= first
        wanted = (bought - sold) / (bought + sold) if known else np.nan
        assert np.array_equal(values[row], wanted, equal_nan=True)
    assert (values[np.isfinite(values)] > 0).any()
    assert (values[np.isfinite(values)] < 0).any()
    for count in (150, 333, 599):
        part = signal(history[:count], window=window)
        assert np.array_equal(part, values[:count], equal_nan=True)
