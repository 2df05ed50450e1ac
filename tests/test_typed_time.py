"""Times as a person types them."""

from __future__ import annotations

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.presentation.texts.typed_time import time_in, time_to_go

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def over_midnight():
    """Return a history of 20 seconds before midnight to 10 after."""
    midnight = np.datetime64("2024-03-02", "ns").astype(int)
    seconds = np.arange(-20, 11)
    prices = np.full((len(seconds), 1), 100.0)
    return obi.History.from_arrays(
        midnight + SECOND * seconds, prices, prices, prices + 1, prices, tick_size=0.5
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("00:00:05", "2024-03-02 00:00:05"),
        ("0:00", "2024-03-02 00:00:00"),
        ("00:00:09.25", "2024-03-02 00:00:09.25"),
        ("00:00:11", "2024-03-01 00:00:11"),
        ("23:59:59", "2024-03-01 23:59:59"),
        ("2024-03-01 12:00", "2024-03-01 12:00"),
    ],
)
def test_a_time_of_day_is_the_newest_one(over_midnight, text, wanted):
    assert time_in(over_midnight, "time", text) == np.datetime64(wanted, "ns").astype(int)


def test_a_time_to_go_to_is_within_the_data(over_midnight):
    first, last = over_midnight.time[[0, -1]].tolist()
    assert time_to_go(over_midnight, "time", "00:00:10") == last
    assert time_to_go(over_midnight, "time", "23:59:40") == first
    assert time_to_go(over_midnight, "time", first - SECOND // 2) == first
    for outside in ("23:59:39", "00:00:11", "2024-03-02 00:00:10.5"):
        with pytest.raises(SettingsError, match="is not within the data") as error:
            time_to_go(over_midnight, "time", outside)
        assert error.value.advice == "Give a time from 23:59:40 to 00:00:10 UTC."
    assert time_to_go(over_midnight[:0], "time", last) == last, "nothing is known yet"
    with pytest.raises(SettingsError, match="is not a time"):
        time_to_go(over_midnight, "time", "24:00")
