"""Binance's historical depth: a file of snapshots, and one of changes."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from formats_tools import T0, book_events, load, refused, states

HEADER = "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu"
MS = T0 // 10**6


def put(path, lines, header=HEADER):
    data = "".join(f"{line}\n" for line in (header, *lines)).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def level(ms, first, last, side, kind, price, size, before, symbol="BTCUSDT"):
    return f"{symbol},{MS + ms},{first},{last},{side},{kind},{price},{size},{before}"


def snapshot(ms, number, bid, ask, size=1):
    return [level(ms, number, number, side, "snap", price, size, -1)
            for side, price in (("b", bid), ("a", ask))]  # fmt: skip


def changed(ms, first, last, before, *levels):
    return [level(ms, first, last, side, "set", price, size, before)
            for side, price, size in levels]  # fmt: skip


SNAP = snapshot(0, 100, 10.0, 10.5)
UPDATES = [
    *changed(-50, 90, 99, 80, ("b", 10.0, 9)),  # contained in the snapshot
    *changed(50, 98, 105, 90, ("b", 9.5, 2), ("a", 10.5, 0), ("a", 10.7, 4)),
    *changed(150, 110, 120, 105, ("b", 10.0, 3)),
]
STATES = [
    (T0, [10.0, -1], [1, 0], [10.5, -1], [1, 0]),
    (T0 + 50 * 10**6, [10.0, 9.5], [1, 2], [10.7, -1], [4, 0]),
    (T0 + 150 * 10**6, [10.0, 9.5], [3, 2], [10.7, -1], [4, 0]),
]


@pytest.fixture
def files(tmp_path):
    return put(tmp_path / "snap.csv", SNAP), put(tmp_path / "update.csv.gz", UPDATES)


@pytest.mark.parametrize("order", [1, -1])
def test_changes_continue_the_snapshot(files, order):
    history, told = load(files[::order], levels=2)
    assert states(history) == STATES
    assert not told
    assert history.instrument.venue == "binance-usdm"
    notes = " ".join(history.notes)
    assert "There are no trades in Binance's historical depth" in notes
    assert "There is no receive time" in notes
    assert "The tick size is not in the file" in notes
    assert "change before the first snapshot, or after a gap 1" in notes
    assert not history.trades.streamed


def test_an_event_that_does_not_follow_is_a_gap_until_the_next_snapshot(tmp_path, files):
    lines = [*UPDATES, *changed(250, 130, 140, 129, ("b", 10.1, 1)),
             *changed(350, 141, 150, 140, ("b", 10.1, 2)),
             *changed(450, 151, 170, 150, ("b", 10.2, 3))]  # fmt: skip
    snaps = put(tmp_path / "s.csv", [*SNAP, *snapshot(400, 160, 10.1, 10.6)])
    history, told = load([snaps, put(tmp_path / "u.csv", lines)], levels=1)
    assert [one[0] - T0 for one in states(history)] == [ms * 10**6 for ms in (0, 50, 150, 400, 450)]
    assert history.gaps == 1
    assert "event 140 does not follow 120" in told
    assert "change before the first snapshot, or after a gap 2." in " ".join(history.notes)


def test_a_snapshot_that_is_not_newer_is_not_used(tmp_path, files):
    snaps = put(tmp_path / "s.csv", [*SNAP, *snapshot(160, 119, 9.0, 9.1)])
    history, _ = load([snaps, files[1]], levels=2)
    assert states(history) == STATES
    assert "snapshot that is not newer than the book 1" in " ".join(history.notes)


def test_a_book_that_becomes_crossed_is_thrown_away(tmp_path, files):
    lines = [*UPDATES, *changed(250, 121, 140, 120, ("b", 11, 1))]
    history, told = load([files[0], put(tmp_path / "u.csv", lines)], levels=2)
    assert states(history) == STATES
    assert "best bid 11 is not below ask 10.7" in told


def test_what_is_wrong_is_refused_with_its_line(tmp_path, files):
    for number, (lines, what) in enumerate((
        ([level(300, 1, 2, "b", "delta", 1, 1, 3)], "update_type is 'delta', which is none of set"),
        ([level(300, 1, 2, "x", "set", 1, 1, 3)], "side is 'x', which is none of b, a"),
        ([level(300, 1, 2, "b", "set", 0, 1, 3)], "price is 0.0, not a price"),
        ([level(300, 1, 2, "b", "set", 1, -1, 3)], "qty is -1.0, not a size"),
        ([level(140, 1, 2, "b", "set", 1, 1, 3)], "before the line before it"),
        ([level(300, 1, 2, "b", "set", 1, 1, 3, "ETHUSDT")], "symbol is 'ETHUSDT', and not BTC"),
        ([f"BTCUSDT,{T0 // 1000},1,2,b,set,1,1,3"], "no time between 2000 and 2100 in milli"),
    )):  # fmt: skip
        error = refused([files[0], put(tmp_path / f"{number}.csv", [*UPDATES, *lines])])
        assert error.line == 2 + len(UPDATES)
        assert what in str(error)


def test_changes_alone_and_other_markets_are_refused(tmp_path, files):
    assert "and no snapshot to begin with" in str(refused(files[1]))
    other = put(tmp_path / "o.csv", [line.replace("BTCUSDT", "ETHUSDT") for line in UPDATES])
    assert "o.csv is of binance-usdm:ETHUSDT, not of binance-usdm:BTCUSDT" in str(
        refused([files[0], other])
    )
    assert "not of lmex:X" in str(refused(files, market="lmex:X"))


@pytest.mark.parametrize(("symbol", "value"), [("BTCUSD_PERP", 100), ("ETHUSD_261225", 10)])
def test_contracts_of_a_coin_margined_market_become_coins(tmp_path, symbol, value):
    path = put(tmp_path / "a.csv", [line.replace("BTCUSDT", symbol) for line in SNAP])
    history, _ = load(path)
    facts = history.instrument
    assert (facts.venue, facts.label, facts.quote) == ("binance-coinm", "Binance COIN-M", "USD")
    assert (facts.contract_size, facts.inverse) == (value, True)
    counted, _ = load(put(tmp_path / "b.csv", SNAP))  # the same numbers, of coins
    for side in (+1, -1):
        coins = counted.sizes(side) * value / counted.prices(side)
        assert history.sizes(side) == pytest.approx(coins, nan_ok=True)


def test_a_last_line_that_is_cut_is_left_out(tmp_path, files):
    path = put(tmp_path / "u.csv", UPDATES)
    path.write_bytes(path.read_bytes()[:-2])
    history, told = load([files[0], path], levels=2)
    assert states(history) == STATES[:2]
    assert "Line 6 of u.csv, the last, has no line end" in told


# -- against captures ----------------------------------------------------------------------


def test_the_published_samples(data):
    """The two files do not continue each other, and that is told."""
    folder = data / "binance_csv"
    snap, update = (folder / f"btcusdt-depth-{kind}.csv" for kind in ("snap", "update"))
    rows = [line.split(",") for line in snap.read_text().splitlines()[1:]]
    assert {row[4] for row in rows} == {"b"}  # the sample has one side
    history, told = load(snap, levels=100)
    assert history.time.tolist() == [int(rows[0][1]) * 10**6]
    assert history.prices(+1)[0].tolist() == [float(row[6]) for row in rows]
    assert history.sizes(+1)[0].tolist() == [float(np.float32(row[7])) for row in rows]
    assert np.isnan(history.ask).all()
    assert not told
    history, told = load([snap, update])
    assert len(history) == 2
    assert np.isnan(history.bid[1])
    assert "event 2098041696700 does not follow 2098021528332" in told


def test_a_capture_in_this_format_gives_the_states_of_the_capture(tmp_path, captures):
    lines = {True: [], False: []}
    for _, is_snapshot, event in book_events(captures["btcusdt"]):
        kind = "snap" if is_snapshot else "set"
        numbers = event.get("U", event["u"]), event["u"]
        lines[is_snapshot] += [
            f"BTCUSDT,{event['T']},{numbers[0]},{numbers[1]},{side},{kind},{price},{size},"
            f"{event.get('pu', -1)}"
            for side, levels in (("b", event["b"]), ("a", event["a"]))
            for price, size in levels
        ]
    files = [put(tmp_path / f"{name}.csv", lines[name]) for name in (True, False)]
    history, told = load(files, levels=20)
    frames, _ = load(captures["btcusdt"], levels=20)
    assert len(frames) > 9000
    assert history.sha256() == frames.sha256()
    assert not told
