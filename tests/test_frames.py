"""Histories of DataFrames: round trips, times, and errors that name row and column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from history_tools import same

import obi_widgets as obi
from obi_widgets.errors import ArgumentError, HistoryError, SettingsError

ROWS = 6
START = pd.Timestamp("2024-03-01 12:00:00")


@pytest.fixture(scope="module")
def history():
    return obi.simulate(seconds=60, levels=6, seed=2)


def books(rows=ROWS, levels=3, **columns):
    """Return a DataFrame of books: bids 99.9, 99.8 …, asks 100.1, 100.2 …"""
    out = {}
    for level in range(levels):
        away = (level + 1) / 10
        out |= {f"bid_px_{level}": 100 - away, f"bid_sz_{level}": 1.0 + level}
        out |= {f"ask_px_{level}": 100 + away, f"ask_sz_{level}": 2.0 + level}
    index = pd.date_range(START, periods=rows, freq="100ms")
    return pd.DataFrame(out | columns, index=index)


def test_a_frame_of_a_history_is_that_history_again(history):
    frame = history.to_frame(levels=6)
    again = obi.History.from_frame(
        frame, trades=history.trades.to_frame(), tick_size=history.tick_size
    )
    same(history, again)
    np.testing.assert_array_equal(history.received, again.received)
    np.testing.assert_array_equal(history.trade_ends, again.trade_ends)
    assert again.trades.sha256() == history.trades.sha256()
    assert again.trades.streamed
    np.testing.assert_array_equal(history.taken.bought_lots, again.taken.bought_lots)


def test_a_row_of_nan_is_a_gap():
    frame = books()
    frame.iloc[2] = np.nan
    history = obi.History.from_frame(frame)
    assert history.gaps == 1
    assert history.lost.tolist() == [False, False, True, False, False, False]


def test_sides_may_have_different_numbers_of_levels():
    frame = books().drop(columns=["ask_px_2", "ask_sz_2"])
    history = obi.History.from_frame(frame)
    assert history.levels == 3
    assert np.isnan(history.prices(-1)[:, 2]).all()
    assert (history.sizes(+1)[:, 2] == 3.0).all()


def test_it_says_where_it_came_from(history, tmp_path):
    made = obi.History.from_frame(books())
    assert made.source == "a DataFrame given by the user"
    assert made[1:3].source == made.source
    assert ", from a DataFrame given by the user, sha256 " in str(made.provenance)
    assert history.provenance.source is None
    assert ", from " not in str(history.provenance)
    settings = obi.Settings()
    path = settings.save(tmp_path / "s.toml", provenance=made.provenance)
    assert obi.Settings.load(path).provenance == made.provenance
    assert 'source = "a DataFrame given by the user"' in path.read_text()
    saved = obi.load(made.save(tmp_path / "h.parquet"))
    assert saved.source == made.source
    assert obi.History.concat([made[:2], made[3:]]).source == made.source


# -- times -------------------------------------------------------------------------------------


def stamps(history):
    return pd.DatetimeIndex(history.time.view("datetime64[ns]"))


INDEX = pd.date_range(START, periods=ROWS, freq="100ms")


@pytest.mark.parametrize(
    ("frame", "options"),
    [
        (books(), {}),
        (books().tz_localize("UTC"), {}),
        (books().tz_localize("UTC").tz_convert("Asia/Tokyo"), {}),
        (books().set_index(INDEX.tz_localize("UTC").tz_convert("Asia/Tokyo").tz_localize(None)),
         {"tz": "Asia/Tokyo"}),
        (books().reset_index(names="timestamp"), {}),
        (books().reset_index(names="when"), {"time": "when"}),
        (books().rename_axis("when"), {"time": "when"}),
        (books().set_index(INDEX.as_unit("ns").astype("int64") // 10**6), {"unit": "ms"}),
        (books().reset_index(drop=True).assign(time=INDEX.as_unit("ns").astype("int64")), {}),
        (books().reset_index(drop=True).assign(time=INDEX.as_unit("ns").astype("int64") / 1e9),
         {"unit": "s"}),
        (books().reset_index(drop=True).assign(time=INDEX.strftime("%Y-%m-%dT%H:%M:%S.%fZ")), {}),
        (books().reset_index(drop=True).assign(time=INDEX.strftime("%Y-%m-%d %H:%M:%S.%f")), {}),
    ],
)  # fmt: skip
def test_times_are_taken_as_they_come(frame, options):
    found = stamps(obi.History.from_frame(frame, **options))
    assert (abs(found - INDEX) < pd.Timedelta("1us")).all()


BARE = books().reset_index(drop=True)


@pytest.mark.parametrize(
    ("frame", "options", "error", "text"),
    [
        (BARE, {}, HistoryError, "frame has no times: its index is no DatetimeIndex"),
        (BARE, {"time": "when"}, HistoryError, "frame has no column 'when'"),
        (books(), {"unit": "ms"}, SettingsError, "unit = 'ms' is for numbers"),
        (books(), {"tz": "Nowhere/Land"}, SettingsError, "tz = 'Nowhere/Land' does not fit"),
        (books().tz_localize("UTC"), {"tz": "UTC"}, SettingsError, "and the index of frame has"),
        (BARE.assign(time=INDEX.as_unit("ns").astype("int64") // 10**6), {}, HistoryError,
         "In row 0 frame['time'] = "),
        (BARE.assign(time=["2024-03-01"] * 5 + ["yesterday"]), {}, HistoryError,
         "In row 5 frame['time'] = 'yesterday' is no time"),
        (BARE.assign(time=1.7e18), {"tz": "UTC"}, SettingsError, "is for times without a zone"),
        (books()[::-1], {}, HistoryError, "Row 1, index 2024-03-01 12:00:00.400000: time goes"),
    ],
)  # fmt: skip
def test_wrong_times_are_refused(frame, options, error, text):
    with pytest.raises(error) as found:
        obi.History.from_frame(frame, **options)
    assert text in str(found.value)
    assert found.value.advice


def test_the_unit_that_fits_is_told():
    with pytest.raises(HistoryError, match=r"its values fit milliseconds.*unit='ms'"):
        obi.History.from_frame(BARE.assign(time=INDEX.as_unit("ns").astype("int64") // 10**6))


# -- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "column", "value", "text"),
    [
        (3, "bid_px_1", np.inf, "'bid_px_1' = inf is no price"),
        (3, "ask_px_0", -5.0, "'ask_px_0' = -5 is no price"),
        (4, "ask_sz_2", np.nan, "'ask_sz_2' = nan is no size"),
        (0, "bid_sz_0", 0.0, "'bid_sz_0' = 0 is no size"),
        (2, "bid_sz_0", -1.0, "'bid_sz_0' = -1 is no size"),
        (2, "ask_px_1", np.nan, "'ask_px_2' = 100.3 comes after a level without a price"),
        (1, "bid_px_2", 99.8, "'bid_px_2' = 99.8 is not behind the level before it"),
        (1, "ask_px_2", 100.05, "'ask_px_2' = 100.05 is not behind the level before it"),
        (5, "bid_px_0", 100.1, "the book is crossed, 'bid_px_0' is 100.1 and 'ask_px_0' is 100.1"),
    ],
)
def test_an_error_names_row_and_column(row, column, value, text):
    frame = books()
    frame.iloc[row, frame.columns.get_loc(column)] = value
    with pytest.raises(HistoryError) as error:
        obi.History.from_frame(frame)
    assert str(error.value).startswith(f"Row {row}, index {frame.index[row]}: {text} ")
    assert "(1 rows in all)" in error.value.what
    assert error.value.advice


def test_text_in_a_column_is_refused_by_its_name():
    with pytest.raises(HistoryError, match="column 'bid_sz_1' has"):
        obi.History.from_frame(books().astype({"bid_sz_1": str}))


def test_what_is_no_frame_is_refused():
    with pytest.raises(ArgumentError, match=r"frame is a list\. Give a pandas\.DataFrame"):
        obi.History.from_frame([1, 2])
    with pytest.raises(ArgumentError, match="trades is a list"):
        obi.History.from_frame(books(), trades=[])


# -- trades ------------------------------------------------------------------------------------


def tape(**columns):
    index = INDEX + pd.Timedelta("50ms")
    whole = {"price": 100.1, "size": 0.25, "side": "buy"} | columns
    return pd.DataFrame(whole, index=index)


@pytest.mark.parametrize(
    ("words", "signs"),
    [
        (["buy", "sell", "BUY", "Sell", "b", "s"], [1, -1, 1, -1, 1]),
        ([1, -1, 1, -1, 1, -1], [1, -1, 1, -1, 1]),
        ([1.0, -1.0, 1.0, -1.0, 1.0, -1.0], [1, -1, 1, -1, 1]),
    ],
)
def test_a_trade_belongs_to_the_first_state_after_it(words, signs):
    history = obi.History.from_frame(books(), trades=tape(side=words))
    assert history.trade_ends.tolist() == [0, 1, 2, 3, 4, 5]  # the last trade is after all states
    assert history.trades.side.tolist() == signs
    assert (history.trades.price == 100.1).all()
    assert (history.trades.size == 0.25).all()
    assert history.taken.count.tolist() == [0, 1, 1, 1, 1, 1]


def test_a_trade_at_the_time_of_a_state_belongs_to_the_next():
    trades = tape().set_index(INDEX)
    assert obi.History.from_frame(books(), trades=trades).trade_ends.tolist() == list(range(6))


def test_trades_are_put_in_the_order_of_receipt():
    trades = tape(price=[100.0 + n for n in range(6)], id=list(range(10, 16)))[::-1]
    history = obi.History.from_frame(books(), trades=trades)
    assert history.trades.id.tolist() == [10, 11, 12, 13, 14]
    assert history.trades.price.tolist() == [100.0, 101.0, 102.0, 103.0, 104.0]


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"side": ["buy"] * 5 + ["up"]}, "Row 5 of trades: 'side' = 'up' is no side"),
        ({"side": [1, 1, 0, 1, 1, 1]}, "Row 2 of trades: 'side' = 0 is no side"),
        ({"price": [1.0, np.nan, 1, 1, 1, 1]}, "Row 1 of trades: 'price' = nan is not a finite"),
        ({"size": [1.0, 2, 3, -1, 1, 1]}, "Row 3 of trades: 'size' = -1 is not a finite"),
        ({"size": [1e9, 1e-12, 1, 1, 1, 1]}, "Row 1 of trades: 'size' is too small"),
    ],
)
def test_wrong_trades_are_refused(columns, text):
    with pytest.raises(HistoryError) as error:
        obi.History.from_frame(books(), trades=tape(**columns))
    assert error.value.what.startswith(text)


@pytest.mark.parametrize("column", ["price", "size", "side"])
def test_a_column_that_trades_need_is_asked_for(column):
    with pytest.raises(HistoryError, match="trades has no column of"):
        obi.History.from_frame(books(), trades=tape().drop(columns=column))


def lags(values):
    return (values.received - values.time).tolist()


@pytest.mark.parametrize(
    ("kind", "unit"), [("text", None), ("ns", None), ("ms", "ms"), ("ns", "ms"), ("naive", None)]
)
def test_times_of_receipt_are_used_whatever_kind_they_are_of(kind, unit):
    event = books().index.tz_localize("UTC")

    def received(later):
        values = event + pd.Timedelta(later)
        match kind:
            case "text":
                return values.astype(str)
            case "naive":
                return values.tz_localize(None)
        return values.as_unit(kind).astype("int64")

    when = event if unit is None else event.as_unit(unit).astype("int64")
    frame = books(time=when, received=received("7ms")).reset_index(drop=True)
    trades = pd.DataFrame(
        {"time": when, "price": 100.0, "size": 1.0, "side": 1, "received": received("5ms")}
    )
    history = obi.History.from_frame(frame, trades=trades, unit=unit)
    assert lags(history) == [7_000_000] * ROWS
    assert lags(history.trades) == [5_000_000] * len(history.trades)
    assert len(history.trades) == ROWS


def test_a_frame_keeps_times_of_receipt_by_way_of_csv(history, tmp_path):
    names = tmp_path / "books.csv", tmp_path / "trades.csv"
    later = pd.Timedelta("30ms")
    frames = history.to_frame(levels=6), history.trades.to_frame()
    for name, frame in zip(names, frames, strict=True):
        frame.assign(received=frame.received + later).to_csv(name)
    again = obi.History.from_frame(pd.read_csv(names[0]), trades=pd.read_csv(names[1]))
    np.testing.assert_array_equal(history.received + later.value, again.received)
    np.testing.assert_array_equal(history.trades.received + later.value, again.trades.received)


def test_times_of_receipt_are_of_the_zone_that_is_given():
    received = books().index + pd.Timedelta("20ms")
    for column in (received, received.tz_localize("Europe/Berlin")):
        history = obi.History.from_frame(books(received=column), tz="Europe/Berlin")
        assert lags(history) == [20_000_000] * ROWS


def test_times_of_receipt_that_are_none_are_refused():
    with pytest.raises(HistoryError, match=r"frame\['received'\] = 3.* is no time"):
        obi.History.from_frame(books(received=3))


@pytest.mark.parametrize(
    "ids", [[7, 8, None], ["a", "b", "c"], [2**63, 2**63 + 1, 2**63 + 2]], ids=str
)
def test_ids_that_are_no_whole_numbers_are_those_of_rows(ids):
    trades = pd.DataFrame({"price": 100.0, "size": 1.0, "side": 1}, index=books().index[:3])
    dtype = {int: "UInt64", str: object}[type(ids[0])]
    for values, kept in ((pd.array(ids, dtype), [0, 1, 2]), (pd.array([5, 6, 9], "Int64"), None)):
        history = obi.History.from_frame(books(), trades=trades.assign(id=values))
        assert history.trades.id.tolist() == (kept or [5, 6, 9])


def test_two_columns_of_one_name_are_refused():
    frame = books()
    with pytest.raises(HistoryError, match="Several columns are called 'bid_px_0'"):
        obi.History.from_frame(pd.concat([frame, frame[["bid_px_0"]]], axis=1))
    twice = books(received=frame.index)
    with pytest.raises(HistoryError, match="frame has 2 columns 'received'"):
        obi.History.from_frame(pd.concat([twice, twice[["received"]]], axis=1))
    trades = pd.DataFrame([[100.0, 1.0, 1, 1.0]], columns=["price", "size", "side", "size"])
    with pytest.raises(HistoryError, match="trades has 2 columns 'size'"):
        obi.History.from_frame(frame, trades=trades.set_index(frame.index[:1]))


def test_a_frame_of_another_library_is_refused_with_its_name():
    other = type("DataFrame", (), {"__module__": "polars.dataframe", "to_pandas": books})()
    with pytest.raises(ArgumentError) as caught:
        obi.History.from_frame(other)
    assert str(caught.value) == "frame is a polars.DataFrame. Give frame.to_pandas()."
