"""What a taker may pay, by how late and how large its orders are."""

from __future__ import annotations

import known_market
import numpy as np
import pandas as pd
import pytest

import obi_widgets as obi
from obi_widgets.errors import SettingsError

SETTINGS = obi.Settings(threshold=0.4, hold_seconds=5.0)


@pytest.fixture(scope="module")
def surface():
    history = known_market.history(1800, edge=6.0, seed=2)
    return history, obi.break_even(
        history, SETTINGS, latency=[0.0, 2.0], size=[None, 0.2, 0.5], fee_bps=[0.0, 2.0]
    )


def test_each_cell_is_what_fills_makes(surface):
    history, found = surface
    assert found.index.names == ["latency", "size", "fee_bps"]
    assert len(found) == 12
    for (latency, size, fee), row in found.iterrows():
        taker = obi.Taker(latency=latency, size=size or None, fee_bps=fee)
        told = obi.fill_summary(obi.fills(history, SETTINGS, taker))
        assert row.trades == told.entries
        assert row.net_bps == pytest.approx(told.mean_net_bps)
        assert row.break_even_bps == pytest.approx(told.mean_gross_bps / 2)
        assert row.ci_low < row.net_bps < row.ci_high


def test_at_the_break_even_nothing_is_left(surface):
    history, found = surface
    fee = found.break_even_bps.loc[(0.0, 0.0, 0.0)]
    assert fee > 0
    again = obi.break_even(history, SETTINGS, latency=[0.0], fee_bps=[fee])
    assert again.net_bps.item() == pytest.approx(0, abs=1e-9)


def test_who_comes_late_may_pay_less(surface):
    _, found = surface
    assert found.break_even_bps[2.0].max() < found.break_even_bps[0.0].min()


def test_entries_are_the_cell_without_latency_and_size(surface):
    history, found = surface
    entries = obi.entries(history, obi.Settings(threshold=0.4, hold_seconds=5.0, fee_bps=2.0))
    entries = entries[entries["ended"] == "held"]
    assert found.net_bps.loc[(0.0, 0.0, 2.0)] == pytest.approx(entries.net_bps.mean())


def test_of_no_trades_nothing_is_told():
    quiet = obi.Settings(threshold=1.0)
    found = obi.break_even(known_market.history(60), quiet, fee_bps=[1.0], latency=[0.0])
    assert found.trades.item() == 0
    assert np.isnan(found.drop(columns="trades").to_numpy()).all()


def test_post_only_settings_have_the_table_of_a_taker():
    """Also of a history without trades, by which no post-only order could be followed."""
    history = known_market.history(600, edge=6.0, seed=2)
    posted = SETTINGS.parameters.replace(execution="post_only", price="mid")
    found, wanted = (
        obi.break_even(history, one, latency=[0.0, 0.5], size=[None, 0.5])
        for one in (posted, SETTINGS)
    )
    pd.testing.assert_frame_equal(found, wanted)
    assert found.trades.min() > 10
    assert found.attrs["settings"] == wanted.attrs["settings"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"latency": []}, "latency has no values. Give at least one, or leave it out."),
        ({"latency": [-1.0]}, "latency = -1.0 is not possible."),
        ({"size": [0.0]}, "size = 0.0 is not possible."),
        ({"fee_bps": [2_000.0]}, "fee_bps = 2000.0 is not possible."),
    ],
)
def test_impossible_arguments_are_refused(options, says):
    with pytest.raises(SettingsError) as error:
        obi.break_even(known_market.history(10), SETTINGS, **options)
    assert says in str(error.value)
