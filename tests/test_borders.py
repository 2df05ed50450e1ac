"""What comes in is of the unit, the order, the index and the kind that it is taken for."""

from __future__ import annotations

import time
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from history_tools import SECOND, START
from session_tools import following

import obi_widgets as obi
from obi_widgets.calibration import episodes, forward_returns, placebo
from obi_widgets.calibration.lookahead import as_signal
from obi_widgets.errors import ArgumentError, HistoryError, SettingsError, VenueError
from obi_widgets.session import waiting

STATES = 600


def columns(states=STATES, dtype=float):
    """Prices and sizes of one level."""
    bid = np.round(64_000.1 + 0.1 * np.arange(states), 1).astype(dtype)
    one = np.ones(states)
    return bid, one, (bid + np.array(0.1, dtype)).astype(dtype), one


def made(times, **options):
    return obi.History.from_arrays(times, *columns(len(times)), **options)


@pytest.fixture(scope="module")
def market():
    return obi.simulate(seconds=120, edge=4.0, seed=1, levels=5)


# -- times -------------------------------------------------------------------------------------

NS = START + np.arange(STATES) * SECOND


@pytest.mark.parametrize(
    ("unit", "factor", "name"),
    [("s", 10**9, "seconds"), ("ms", 10**6, "milliseconds"), ("us", 10**3, "microseconds")],
)
def test_times_in_another_unit_are_refused_with_it_and_taken_by_it(unit, factor, name):
    with pytest.raises(HistoryError) as error:
        made(NS // factor)
    assert str(error.value) == (
        f"In row 0 time_ns = {NS[0] // factor} is no time in nanoseconds (600 rows in all): its "
        f"values fit {name}. Give unit='{unit}', or multiply by {factor:,}."
    )
    assert made(NS // factor, unit=unit).time.tolist() == NS.tolist()
    received = made(NS // factor, unit=unit, received_ns=NS // factor + 1).received
    assert received.tolist() == (NS + factor).tolist()


def test_times_with_a_fraction_need_their_unit():
    with pytest.raises(HistoryError) as error:
        made(NS / 1e9)
    assert str(error.value) == (
        "time_ns has dtype float64 and 1 dimensions. Its values fit seconds: give unit='s'."
    )
    assert made(NS / 1e9, unit="s").time.tolist() == NS.tolist()


def test_the_wrong_unit_is_refused_with_the_right_one():
    with pytest.raises(HistoryError, match=r"values fit milliseconds\. Give unit='ms', or"):
        made(NS // 10**6, unit="s")
    with pytest.raises(HistoryError, match=r"its values fit nanoseconds\. Leave unit out\.$"):
        made(NS, unit="ms")
    with pytest.raises(SettingsError, match=r"^unit = 'minutes' is not possible\. Give one of s,"):
        made(NS, unit="minutes")
    with pytest.raises(SettingsError, match=r"^unit = 's' is for numbers, and time_ns has dtype"):
        made(NS.view("datetime64[ns]"), unit="s")


@pytest.mark.parametrize(
    "change",
    [
        0,
        1,
        -1,
        315_532_800 * SECOND - 1,
        pytest.param(time.time_ns() + 2 * 86_400 * SECOND, id="in two days"),
        2**63 - 1,
    ],
)
def test_times_before_1980_and_in_the_future_are_refused(change):
    times = NS.copy()
    times[7] = change
    with pytest.raises(HistoryError) as error:
        made(times)
    assert str(error.value) == (
        f"In row 7 time_ns = {change} is no time in nanoseconds (1 rows in all): times lie between "
        "1980 and now. Give times in nanoseconds, UTC."
    )


def test_a_number_beyond_64_bits_is_no_time():
    with pytest.raises(HistoryError, match="is no time in nanoseconds"):
        made(np.full(3, 2**64 - 1, np.uint64))
    with pytest.raises(HistoryError, match="time_ns has dtype object"):
        made([10**30] * 3)


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_pandas_times_are_utc_whatever_their_zone(zone):
    index = pd.DatetimeIndex(NS.view("datetime64[ns]"))
    index = index if zone is None else index.tz_localize("UTC").tz_convert(zone)
    for times in (index, pd.Series(index), index.to_list(), index.astype(object)):
        assert made(times).time.tolist() == NS.tolist()


def test_no_time_is_told():
    index = pd.DatetimeIndex(NS.view("datetime64[ns]")).where(np.arange(STATES) != 3)
    for times in (index, index.tz_localize("UTC")):
        with pytest.raises(HistoryError) as error:
            made(times)
        assert str(error.value) == (
            "In row 3 time_ns is not a time (1 rows in all). Leave such rows out."
        )


@pytest.mark.parametrize("times", [["2024-01-01"] * 3, np.array(["2024-01-01"] * 3, object), None])
def test_text_and_nothing_are_no_times(times):
    with pytest.raises(HistoryError):
        obi.History.from_arrays(times, *columns(3))


# -- numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bid_price", "bid_size", "ask_price", "ask_size"])
@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda one: one.astype(str), "{} has text."),
        (lambda one: one.astype(str).astype(object), "{} has dtype object."),
        (lambda one: np.array([Decimal(3)] * len(one)), "{} has dtype object."),
        (lambda one: one > 0, "{} has dtype bool."),
        (lambda one: one + 1j, "{} has dtype complex128."),
        (lambda _: "text", "{} is 'text'."),
        (lambda _: None, "{} is None."),
        (lambda _: [[1.0], [1.0, 2.0]], "{} has dtype object."),
    ],
)
def test_what_is_no_number_is_refused_by_name(name, make, text):
    given = dict(zip(("bid_price", "bid_size", "ask_price", "ask_size"), columns(), strict=True))
    given[name] = make(given[name])
    with pytest.raises(HistoryError) as error:
        obi.History.from_arrays(NS, **given)
    assert error.value.what.startswith(text.format(name))
    assert error.value.advice == "Give an array of numbers, such as values.astype(float)."


def test_columns_of_objects_that_are_numbers_are_taken():
    bid, size, ask, other = columns()
    objects = pd.Series([None, *bid[1:]], dtype=object), pd.array(size, dtype="Float64")
    history = obi.History.from_arrays(NS, objects[0], pd.Series(objects[1]), ask, other)
    assert np.isnan(history.bid[0])
    assert history.bid[1:].tolist() == bid[1:].tolist()


# -- prices of 32 bits -------------------------------------------------------------------------


@pytest.mark.parametrize("told", [None, 0.1])
@pytest.mark.parametrize("dtype", [np.float32, float], ids=["float32", "read as float64"])
def test_prices_that_were_float32_are_put_on_the_grid_and_the_change_is_told(told, dtype):
    bid, size, ask, _ = columns()
    single = [one.astype(np.float32).astype(dtype) for one in (bid, ask)]
    history = obi.History.from_arrays(NS, single[0], size, single[1], size, tick_size=told)
    assert history.tick_size == 0.1
    assert history.bid.tolist() == bid.tolist()
    assert history.ask.tolist() == np.round(ask, 1).tolist()
    change = max(np.abs(one.astype(np.float32) - np.round(one, 1)).max() for one in (bid, ask))
    assert history.notes == (
        f"Prices were float32, up to {change:.3g} off the tick grid of 0.1: they were put on it.",
    )


@pytest.mark.parametrize("step", [1.0, 0.5, 2**-6])
def test_prices_that_float32_holds_exactly_stay_as_they_are(step):
    bid = 100 + step * np.arange(STATES)
    one = np.ones(STATES)
    history = obi.History.from_arrays(NS, bid, one, bid + step, one)
    assert history.tick_size == step
    assert history.notes == ()
    assert history.bid.tolist() == bid.tolist()


def test_float32_that_is_on_no_grid_is_refused():
    bid = (100 * np.exp(np.random.default_rng(0).normal(size=STATES))).astype(np.float32)
    one = np.ones(STATES)
    with pytest.raises(HistoryError, match=r"off the grid of 0\.1"):
        obi.History.from_arrays(NS, bid, one, bid * 2, one, tick_size=0.1)


# -- an index ----------------------------------------------------------------------------------


def index_of(history):
    return history.to_frame().index


@pytest.mark.parametrize(
    "call",
    [
        lambda h, s: as_signal(h, s),
        lambda h, s: obi.calibrate(h, obi.Settings(), signal=s, horizons=[1, 5]).as_traded,
        lambda h, s: placebo.shuffled(h, s, block_seconds=2),
        lambda h, s: placebo.look_ahead(h, s),
        lambda h, s: placebo.skewed(h, s, skew=1.0),
        lambda h, s: episodes.find_episodes(h, s, 0.2).start,
        lambda h, s: episodes.entry_columns(h, s, [0.2]),
    ],
    ids=[
        "signal",
        "calibrate",
        "shuffled",
        "look_ahead",
        "skewed",
        "episodes",
        "columns",
    ],
)
def test_a_series_is_taken_by_its_times_or_refused(market, call):
    values = obi.imbalance(market, obi.Settings(depth=3))
    aligned = pd.Series(values, index=index_of(market))

    def same(one, other):
        pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(other))

    wanted = call(market, values)
    for one in (
        aligned,
        aligned[::-1],
        aligned.sample(frac=1, random_state=0),
        aligned.tz_convert("Asia/Tokyo"),
        aligned.tz_localize(None),
        pd.concat([aligned, pd.Series([9.0], index=[index_of(market)[-1] + pd.Timedelta(1)])]),
        pd.Series(values),  # counted from 0: in order
    ):
        same(call(market, one), wanted)
    foreign = pd.date_range("2020", periods=len(values), freq="s")
    for one, text in (
        (pd.Series(values, index=foreign), "does not cover the states: it has no value of "),
        (aligned.iloc[:-1], "does not cover the states: it has no value of "),
        (
            pd.Series(values, index=np.arange(len(values)) + 5),
            "has an index of dtype int64, not of times",
        ),
        (pd.Series(values, index=[f"r{n}" for n in range(len(values))]), "not of times"),
        (pd.concat([aligned, aligned.iloc[:1]]), "has a time twice"),
    ):
        with pytest.raises(HistoryError, match=text):
            call(market, one)


def test_a_function_may_not_return_what_was_made_before(market):
    values = pd.Series(obi.imbalance(market, obi.Settings(depth=3)), index=index_of(market))
    report = obi.calibrate(
        market, obi.Settings(), signal=lambda part: values.reindex(index_of(part)), horizons=[1]
    )
    assert report.looks_ahead == ""
    with pytest.raises(HistoryError) as error:
        obi.calibrate(market, obi.Settings(), signal=lambda _: values, horizons=[1])
    assert str(error.value).startswith("The function returned 1,200 values for ")


def test_frames_of_levels_are_taken_by_their_times_or_refused(market):
    frame = market.to_frame()
    names = ["bid", "bid_size", "ask", "ask_size"]
    wanted = obi.History.from_arrays(market.time, *(frame[name].to_numpy() for name in names))
    for one in (frame, frame[::-1]):
        for times in (market.time, frame.index):
            history = obi.History.from_arrays(times, *(one[name] for name in names))
            assert history.sha256() == wanted.sha256()
    # Rows that were filtered keep their labels: the same ones everywhere are the same rows.
    filtered = frame.reset_index()[::2]
    history = obi.History.from_arrays(filtered["time"], *(filtered[name] for name in names))
    assert history.time.tolist() == market.time[::2].tolist()
    other = frame.reset_index()[1::2]
    with pytest.raises(HistoryError, match=r"^bid_price has an index of dtype int64, not of"):
        obi.History.from_arrays(filtered["time"], *(other[name] for name in names))
    with pytest.raises(HistoryError, match=r"^The index of bid_price does not cover the states"):
        obi.History.from_arrays(market.time, *(frame[name].iloc[3:] for name in names))


# -- what else is wrong ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("use", "text"),
    [
        (lambda h: obi.Lab(h, levels=5), "levels = 5 does not fit a history. Leave it out."),
        (lambda h: obi.Lab(h, market="my:X"), "market = 'my:X' does not fit a history of "),
        (lambda h: obi.Session(h.mid), "A float64 is not a path."),
        (lambda _: obi.Session(3), "A int is no recording."),
        (lambda h: obi.Session(h.trades.to_frame()), "No column is of bid prices: ['price', 'si"),
        (lambda _: obi.Session(iter([]), refresh_at=0.1), "refresh_at = 0.1 does not fit an iter"),
        (lambda _: obi.Lab("sim:BTC-PERP", settings={"decay": 0.2}), "settings is a dict. Give "),
        (lambda _: obi.Session("sim:BTC-PERP", history_seconds="1h"), "history_seconds = '1h' is"),
        (lambda _: obi.load("sim:BTC-PERP"), "'sim:BTC-PERP' is a market, not a recording."),
        (lambda h: obi.imbalance(h.to_frame(), obi.Settings()), "A DataFrame is not a history."),
        (lambda _: obi.imbalance("c.gz", obi.Settings()), "A str is not a history. Load it first:"),
        (lambda h: obi.entries([h], obi.Settings()), "A list is not a history. Give one history;"),
        (lambda _: obi.calibrate(None, obi.Settings()), "A NoneType is not a history. Give what "),
        (lambda h: obi.sweep(h, threshold=0.3), "threshold = 0.3 is not a list. Give a list: "),
        (lambda _: obi.sweep([], threshold=[0.3]), "No history was given. Give what obi.load "),
        (lambda h: obi.calibrate(h, obi.Settings(), horizons=[10_000]), "No horizon of [10000] "),
        (lambda _: obi.Taker(latency=50), "latency = 50 is not possible. Give 0 to 10 seconds."),
    ],
)  # fmt: skip
def test_natural_mistakes_end_in_advice(market, use, text):
    with pytest.raises(obi.ObiError) as error:
        use(market)
    assert str(error.value).startswith(text)
    assert error.value.advice


def test_a_report_is_not_its_findings(market, tmp_path):
    with pytest.raises(ArgumentError, match=r"^findings is a Report\. Give report\.findings\.$"):
        obi.Settings().save(
            tmp_path / "a.toml", findings=obi.calibrate(market, obi.Settings(), horizons=[1])
        )
    assert list(tmp_path.iterdir()) == []


def test_horizons_of_which_one_ends_are_taken(market):
    report = obi.calibrate(market, obi.Settings(), horizons=[1, 10_000])
    assert np.isnan(report.table.mean_bps.loc[10_000])
    assert len(obi.calibrate(market[:20], obi.Settings()).horizons) == len(
        forward_returns.DEFAULT_HORIZONS
    )


# -- options without effect --------------------------------------------------------------------


@pytest.fixture(scope="module")
def tape(tmp_path_factory):
    path = tmp_path_factory.mktemp("recordings") / "sim.gz"
    return obi.record("sim:BTC-PERP", path, seconds=0.2, warmup=20.0)


@pytest.mark.parametrize(
    ("option", "value"), [("speed", 10), ("speed", 1.0), ("speed", None), ("market", "lmex:X")]
)
@pytest.mark.parametrize("source", ["sim:BTC-PERP", "lmex:BTC-PERP", "binance-usdm:BTCUSDT"])
def test_a_live_market_takes_no_option_of_a_recording(source, option, value):
    with pytest.raises(SettingsError) as error:
        obi.Session(source, **{option: value})
    assert str(error.value) == f"{option} = {value!r} is for a recording. Leave it out."


@pytest.mark.parametrize("option", ["edge", "seed", "warmup"])
def test_a_recording_takes_no_option_of_the_simulator(tape, option):
    with pytest.raises(SettingsError) as error:
        obi.Session(tape, **{option: 1})
    assert str(error.value) == f"{option} = 1 is for the simulated exchange. Leave it out."


def test_settings_beside_a_session_are_refused():
    with (
        following("sim:BTC-PERP") as session,
        pytest.raises(ArgumentError, match=r"^Settings and a session were given"),
    ):
        obi.SettingsWidget(obi.Settings(), session)


# -- waiting -----------------------------------------------------------------------------------


def test_it_waits_for_as_long_as_states_come_and_says_for_what(capsys, monkeypatch):
    monkeypatch.setattr("obi_widgets.session.waiting.SHOW_AFTER", 0.0)
    with following("sim:BTC-PERP", warmup=20.0) as session:
        session.wait(150)
        assert len(session.history) >= 150
    assert "waiting for book states" in capsys.readouterr().out


def test_a_wait_that_is_cut_short_says_what_the_rest_would_take(monkeypatch):
    """By a clock that only the wait moves on: a state comes each time that it sleeps."""
    states, slept = [None] * 50, []

    def sleep(seconds):
        slept.append(seconds)
        states.append(None)

    clock = SimpleNamespace(monotonic=lambda: sum(slept), sleep=sleep)
    with following("sim:BTC-PERP") as session:
        with monkeypatch.context() as patch:
            patch.setattr(waiting, "time", clock)
            patch.setattr(session.market, "history", lambda: states)
            patch.setattr(session, "start", lambda: None)  # nothing comes but these
            with pytest.raises(VenueError) as error:
                session.wait(20_000, timeout=0.51)
        assert "76 of 20,000 states came in 0.5 s, 50 a second." in str(error.value)
        rest = "The rest takes about 398 s more: give a longer timeout, or none."
        assert error.value.advice == rest
        with pytest.raises(SettingsError) as refused:
            session.wait(50_000)
        assert str(refused.value) == (
            "states = 50000 is not possible. Give 1 to 36,000 states, all that are kept."
        )


def test_a_market_that_falls_silent_is_not_waited_for_for_ever(tape, monkeypatch):
    monkeypatch.setattr("obi_widgets.session.waiting.QUIET", 0.1)
    said = r" of 3,000 states came, and none in the last 0\.1 s"
    with following(tape, speed=0.001) as session, pytest.raises(VenueError, match=said):
        session.wait(3_000)


# -- spreadsheets ------------------------------------------------------------------------------


def test_the_recipe_for_a_spreadsheet_makes_a_table_that_one_takes(market, tmp_path):
    recipe = obi.History.to_frame.__doc__
    for line in (
        "frame = history.to_frame().tz_localize(None)",
        'frame["received"] = frame["received"].dt.tz_localize(None)',
    ):
        assert line in recipe
    frame = market.to_frame().tz_localize(None)
    frame["received"] = frame["received"].dt.tz_localize(None)
    from pandas.io.formats.excel import ExcelFormatter

    with pytest.raises(ValueError, match="timezones"):
        list(ExcelFormatter(market.to_frame()).get_formatted_cells())
    cells = list(ExcelFormatter(frame).get_formatted_cells())
    assert len(cells) > len(market) * len(frame.columns)
    frame.to_csv(tmp_path / "book.csv")
    again = pd.read_csv(tmp_path / "book.csv", index_col="time", parse_dates=["time", "received"])
    np.testing.assert_array_equal(again["bid"], frame["bid"])
    assert again.index.tolist() == frame.index.tolist()
