"""Tables of books, Parquet or CSV, as files."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest
from formats_tools import SECOND, T0, load, refused, states

import obi_widgets as obi

STATES = [
    (T0, [100.0, 99.5], [1, 2], [100.5, 101.0], [3, 4]),
    (T0 + SECOND, [100.0, -1], [2.5, 0], [100.5, 101.0], [3, 4]),
]
WIDE = "bids[0].price,bids[0].amount,bids[1].price,bids[1].amount,asks[0].price,asks[0].amount"
ROWS = ["100,1,99.5,2,100.5,3,101,4", "100,2.5,,,100.5,3,101,4"]
HEADER = f"time,{WIDE},asks[1].price,asks[1].amount"


def frame():
    table = pd.DataFrame(
        [[float(cell or "nan") for cell in row.split(",")] for row in ROWS],
        columns=[f"{side}_{what}_{n}" for side in ("bid", "ask") for n in (1, 2)
                 for what in ("price", "size")],
    )  # fmt: skip
    return table.set_axis(pd.to_datetime([T0, T0 + SECOND], utc=True).rename("time"))


def csv(path, times, header=HEADER, rows=ROWS):
    lines = [header, *(f"{time},{row}" for time, row in zip(times, rows, strict=True))]
    text = "".join(f"{line}\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_parquet_as_pandas_writes_it(tmp_path):
    path = tmp_path / "a.parquet"
    frame().to_parquet(path)
    history, told = load(path)
    assert states(history) == STATES
    assert not told
    notes = " ".join(history.notes)
    for what in ("no trades", "tick size is not in the file", "order flow is unknown"):
        assert what in notes
    assert history.flow is None
    assert not history.trades.streamed
    assert history.levels == 2
    assert history.source == "a table of books"


def test_a_history_that_was_saved_is_not_taken_for_a_table(tmp_path):
    path = obi.History.from_frame(frame()).save(tmp_path / "a.parquet")
    assert obi.load(path).source == "a DataFrame given by the user"


@pytest.mark.parametrize("unit", [1, 1000, 10**6, 10**9])
@pytest.mark.parametrize("kind", ["parquet", "csv", "csv.gz"])
@pytest.mark.parametrize("name", ["time", "timestamp"])
def test_times_in_every_unit(tmp_path, unit, kind, name):
    times = [T0 // SECOND * unit, (T0 // SECOND + 1) * unit]
    path = tmp_path / f"a.{kind}"
    if kind == "parquet":
        frame().assign(**{name: times}).reset_index(drop=name == "time").to_parquet(path)
    else:
        csv(path, times, HEADER.replace("time", name, 1))
    assert states(load(path)[0]) == STATES


def test_times_as_text_and_as_seconds_with_a_fraction(tmp_path):
    stamps = pd.to_datetime([T0, T0 + SECOND]).strftime("%Y-%m-%dT%H:%M:%S.%fZ").tolist()
    assert states(load(csv(tmp_path / "a.csv", stamps))[0]) == STATES
    times = [f"{T0 // SECOND}.25", f"{T0 // SECOND + 1}.25"]
    history, _ = load(csv(tmp_path / "b.csv", times))
    assert (history.time - T0).tolist() == [SECOND // 4, 5 * SECOND // 4]


@pytest.mark.parametrize("time", [17, 5 * 10**9, 5 * 10**15])
def test_a_time_in_no_unit_is_refused(tmp_path, time):
    error = refused(csv(tmp_path / "a.csv", [time, time]))
    assert error.line == 2
    assert f"time is {time}, a time between 2000 and 2100 in no unit" in str(error)
    frame().reset_index(drop=True).assign(time=[time, time]).to_parquet(tmp_path / "a.parquet")
    assert f"a.parquet, row 0: time is {time}, a time between" in str(
        refused(tmp_path / "a.parquet")
    )


def test_the_market_and_receive_times_of_the_table(tmp_path):
    table = frame().reset_index(names="timestamp").assign(
        exchange="kraken", symbol="XBTUSD",
        local_timestamp=[(T0 + 5 * SECOND) // 1000, (T0 + 6 * SECOND) // 1000],
    )  # fmt: skip
    table.to_parquet(tmp_path / "a.parquet")
    history, _ = load(tmp_path / "a.parquet")
    assert (history.instrument.venue, history.instrument.symbol) == ("kraken", "XBTUSD")
    assert (history.received - history.time == 5 * SECOND).all()
    assert "is of kraken:XBTUSD, not of lmex:X" in str(
        refused(tmp_path / "a.parquet", market="lmex:X")
    )
    table.assign(symbol=["a", "b"]).to_parquet(tmp_path / "b.parquet")
    assert "holds several markets: symbol is a and b" in str(refused(tmp_path / "b.parquet"))
    frame().to_parquet(tmp_path / "c.parquet")
    history, _ = load(tmp_path / "c.parquet", market="my:X")
    assert history.instrument.venue == "my"


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("x,1,99.5,2,100.5,3,101,4", "bids[0].price is 'x', not a number"),
        ("-100,1,99.5,2,100.5,3,101,4", "bids[0].price is -100.0, not a price"),
        ("100,-1,99.5,2,100.5,3,101,4", "bids[0].amount is -1.0, not a size"),
        ("100,1,99.5,2,100.5,3,101", "it has 8 values, and the file has 9 columns"),
        ("100,1,99.5,2,99.9,3,101,4", "the book is crossed"),
        ("100,1,100.2,2,100.5,3,101,4", "'bids[1].price' = 100.2 is not behind the level before"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(tmp_path, row, what):
    path = csv(tmp_path / "a.csv", [T0, T0 + 1, T0 + 2], rows=[ROWS[0], row, ROWS[1]])
    error = refused(path)
    assert (error.line, error.path) == (3, path)
    assert f"a.csv, line 3: {what}" in str(error)


def test_a_cut_line_is_left_out_and_told(tmp_path):
    path = csv(tmp_path / "a.csv", [T0, T0 + SECOND])
    path.write_bytes(path.read_bytes()[:-2])
    history, told = load(path)
    assert states(history) == STATES[:1]
    assert "Line 3 of a.csv, the last, has no line end" in told


def test_levels_behind_the_best_are_left_out(tmp_path):
    frame().to_parquet(tmp_path / "a.parquet")
    history, _ = load(tmp_path / "a.parquet", levels=1)
    assert history.levels == 1


def test_several_tables_are_joined_with_a_gap(tmp_path):
    paths = [tmp_path / "a.parquet", csv(tmp_path / "b.csv", [T0 + 9 * SECOND, T0 + 10 * SECOND])]
    frame().to_parquet(paths[0])
    history, _ = load(paths)
    assert len(states(history)) == 4
    assert history.gaps == 1


def test_what_does_not_fit_is_refused(tmp_path):
    frame().to_parquet(tmp_path / "a.parquet")
    with pytest.raises(obi.ObiError, match=r"interval = 5 .* each of its rows is kept"):
        obi.load(tmp_path / "a.parquet", interval=5)
    obi.History.from_frame(frame()).save(tmp_path / "b.parquet")
    assert "a.parquet is a table of books, and b.parquet is not" in str(
        refused([tmp_path / "a.parquet", tmp_path / "b.parquet"])
    )
    pd.DataFrame({"time": [T0], "bid": [1.0]}).to_parquet(tmp_path / "c.parquet")
    assert "c.parquet is a Parquet table that History.save did not write" in str(
        refused(tmp_path / "c.parquet")
    )
    times = frame().reset_index(drop=True)
    times.to_parquet(tmp_path / "d.parquet")
    assert "d.parquet: frame has no times" in str(refused(tmp_path / "d.parquet"))


def test_a_session_shows_a_table_and_a_file_of_another_format(tmp_path):
    from obi_widgets.feeds.sources import open_feed

    frame().to_parquet(tmp_path / "a.parquet")
    assert open_feed(tmp_path / "a.parquet").kind == "history"
    header = f"exchange,symbol,timestamp,local_timestamp,{HEADER.partition(',')[2]}"
    lines = [f"x,y,{T0 // 1000},{T0 // 1000},{ROWS[0]}"]
    (tmp_path / "t.csv").write_text(f"{header}\n{lines[0]}\n")
    feed = open_feed(tmp_path / "t.csv", speed=None)
    assert feed.kind == "recording"
    assert feed.market.history().levels == 2


def test_a_capture_as_a_table_gives_the_states_of_the_capture(tmp_path, captures):
    frames, _ = load(captures["ethusdt"], levels=10)
    frames.to_frame(levels=10).to_parquet(tmp_path / "a.parquet")
    history, _ = load(tmp_path / "a.parquet", levels=10)
    assert states(history) == states(frames)
    assert len(history) > 5000
    assert np.array_equal(history.received, frames.received)


def test_columns_of_one_name_matter_only_where_they_are_used(tmp_path):
    times = [T0, T0 + SECOND]
    rows = [f"{row},x,y" for row in ROWS]
    path = csv(tmp_path / "a.csv", times, f"{HEADER},note,note", rows)
    assert states(load(path)[0]) == STATES
    rows = [f"{row},{time},{time}" for row, time in zip(ROWS, times, strict=True)]
    path = csv(tmp_path / "b.csv", times, f"{HEADER},received,received", rows)
    assert str(refused(path)) == ("b.csv has 2 columns 'received'. Leave all but one of them out.")


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("name", ["time", "timestamp"])
def test_local_timestamp_is_the_time_of_receipt_whatever_the_other_is_called(tmp_path, name, kind):
    path = tmp_path / f"a.{kind}"
    table = frame().rename_axis(name).assign(local_timestamp=[T0 + 5, T0 + SECOND + 7])
    table.to_parquet(path) if kind == "parquet" else table.to_csv(path)
    history, _ = load(path)
    assert (history.received - history.time).tolist() == [5, 7]


def test_a_table_of_another_venue_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    for venue, market, said in (
        ("bybit", "bybit:btc/usdt", ""),
        ("bybit", "binance-usdm:BTCUSDT", "is of bybit:BTCUSDT, not of binance-usdm:BTCUSDT"),
        ("binance-futures", "binance-usdm:BTCUSDT", ""),
    ):
        frame().assign(exchange=venue, symbol="BTCUSDT").to_parquet(path)
        if said:
            assert said in str(refused(path, market=market))
        else:
            assert load(path, market=market)[0].instrument.symbol == "BTCUSDT"


@pytest.mark.parametrize("market", ["sim:BTC-PERP", "SIM:btc-perp"])
def test_a_saved_history_is_of_a_market_in_any_spelling(tmp_path, market):
    history = obi.simulate(seconds=5, levels=2, seed=1)
    path = history.save(tmp_path / "a.parquet")
    assert len(obi.load(path, market=market)) == len(history)
    other = {"levels": 2, "interval": history.interval, "market": "sim:ETH-PERP"}
    assert "is of sim:BTC-PERP, not of sim:ETH-PERP" in str(refused(path, **other))
    unnamed = obi.History.from_frame(frame()).save(tmp_path / "b.parquet")
    assert "b.parquet names no market" in str(refused(unnamed, market=market))
