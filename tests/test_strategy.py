"""The strategy file: plain Python that decides as obi.entries does, to the last bit."""

from __future__ import annotations

import ast
import importlib.util
import math
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from entries_reference import TAPES
from history_tools import GRIDS, NAN, START, books, early, make
from hypothesis import given, settings
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.history.provenance import Provenance
from obi_widgets.market_data.events import Instrument
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals import imbalance_numpy
from obi_widgets.strategy.export import TEMPLATE

SETTINGS = [
    Parameters(),
    Parameters(depth=None, decay=0.7, threshold=0.2, hold_seconds=1.0),
    Parameters(depth=None, band_bps=1.5, threshold=0.3, hold_seconds=2.5),
    Parameters(depth=20, weighting="notional", decay=3.0, threshold=0.6, hold_seconds=0.1),
    Parameters(depth=5, band_bps=0.4, weighting="notional", decay=0.0, threshold=0.5),
    Parameters(depth=1, decay=100.0, threshold=0.0, hold_seconds=60.0),
]


def export(path, parameters, history, **options):
    """Write the file, and import it."""
    path = obi.export_strategy(path / "a_strategy.py", parameters, history, **options)
    spec = importlib.util.spec_from_file_location("a_strategy", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ladders(history):
    """Each state's bids and asks: tuples of price and size, best first."""
    sides = []
    for side in (+1, -1):
        prices, sizes = history.prices(side).tolist(), history.sizes(side).tolist()
        there = np.count_nonzero(~np.isnan(history.prices(side)), axis=1).tolist()
        sides.append(
            [list(zip(p[:n], q[:n], strict=True))
             for p, q, n in zip(prices, sizes, there, strict=True)]
        )  # fmt: skip
    return list(zip(history.time.tolist(), *sides, strict=True))


def run(module, states):
    """Return the imbalance of each state, and the entries with what the touch was."""
    strategy, values, made = module.Strategy(), [], []
    for time, bids, asks in states:
        was = strategy.position
        # Hand-made histories have times that no border takes.
        decision = strategy.decide(time + START * (time < START), bids, asks)
        values.append(decision.imbalance)
        if was and not bids and not asks:
            made[-1]["ended"] = "gap"
        if decision.exit:
            price = bids[0][0] if was > 0 else asks[0][0]
            made[-1].update(exit_time=time, exit_price=price, ended="held")
        if decision.enter:
            price = asks[0][0] if decision.enter > 0 else bids[0][0]
            made.append({"side": decision.enter, "entry_time": time, "entry_price": price,
                         "exit_time": None, "exit_price": NAN, "ended": "open"})  # fmt: skip
        is_in = bool(made) and made[-1]["ended"] == "open"
        assert strategy.position == (made[-1]["side"] if is_in else 0)
    return values, made


def check(module, history, parameters, states):
    values, made = run(module, states)
    signal = obi.imbalance(history, parameters)
    np.testing.assert_array_equal(np.array(values), signal)  # to the bit, NaN where it is NaN
    entries = obi.entries(history, parameters)
    columns = ["side", "entry_price", "exit_price", "ended"]
    got = {name: [one[name] for one in made] for name in (*columns, "entry_time", "exit_time")}
    for name in columns:
        np.testing.assert_array_equal(got[name], entries[name])
    for name in ("entry_time", "exit_time"):
        times = [None if time is None else np.datetime64(time, "ns") for time in got[name]]
        wanted = entries[name].dt.tz_localize(None).to_numpy()
        np.testing.assert_array_equal(np.array(times, "datetime64[ns]"), wanted)
    return len(entries)


# -- the same decisions ------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("symbol", ["btcusdt", "ethusdt"])
def test_a_whole_capture(captures, symbol, tmp_path):
    """Every state that the venue told, every level that is kept, and every entry."""
    history = obi.load(captures[symbol], interval=0)
    # With sizes as the venue told them, in decimals, and not yet rounded to 32 bits.
    states = [
        (time, *([(price, round(size, 3)) for price, size in side] for side in sides))
        for time, *sides in ladders(history)
    ]
    made = 0
    for parameters in SETTINGS[:4]:
        made += check(export(tmp_path, parameters, history), history, parameters, states)
    assert len(history) > 8_900
    assert made > 400


def test_captures_with_gaps_and_empty_sides(broken, tmp_path):
    states, ended = ladders(broken), set()
    for parameters in SETTINGS:  # at most the levels that are kept, and as they are
        within = parameters.replace(depth=min(parameters.depth or 10, broken.levels))
        assert check(export(tmp_path, within, broken), broken, within, states) > 10
        ended |= set(obi.entries(broken, within)["ended"])
        check(export(tmp_path, parameters, broken), broken, parameters, states)
    assert ended == {"held", "gap", "open"}


NOTHING = (((), ()), ((), ()))
ANY = st.builds(
    Parameters,
    decay=st.sampled_from([0.0, 0.1, 5.0, 100.0]) | st.floats(0, 100),
    depth=st.sampled_from([1, 3, None]),
    band_bps=st.sampled_from([None, 0.5, 10.0, 100.0]),
    weighting=st.sampled_from(["size", "notional"]),
    threshold=st.sampled_from([0.0, 0.3, 1 / 3]),
    hold_seconds=st.sampled_from([0.1, 0.35, 20.0]),
)


@pytest.mark.slow
@settings(max_examples=150)
@given(states=books(), tick=st.sampled_from([0.1, 0.01, 0.25, 5.0]), parameters=ANY)
def test_random_books(tmp_path_factory, states, tick, parameters):
    """Given as a venue would: sizes not yet rounded to 32 bits."""
    history = make(states, tick_size=tick)
    module = export(tmp_path_factory.getbasetemp(), parameters, history)
    price = GRIDS[tick]
    told = [
        (time, *([(price(n), q) for n, q in zip(*side, strict=True)] for side in state or NOTHING))
        for time, state in zip(history.time.tolist(), states, strict=True)
    ]  # fmt: skip
    check(module, history, parameters, told)


@pytest.mark.slow
@settings(max_examples=100)
@given(history=TAPES, parameters=ANY)
def test_random_tapes(tmp_path_factory, history, parameters):
    module = export(tmp_path_factory.getbasetemp(), parameters, history)
    check(module, history, parameters, ladders(history))


def test_levels_on_the_edge_of_the_band(tmp_path):
    """Mid is 1,000: a level of k ticks of 0.1 away lies k bps from it, but for rounding."""
    bids, asks = ([[1000 + s * k / 10 for k in range(1, 61)]] for s in (-1, +1))
    sizes = [np.arange(1.0, 61.0)]
    history = early([1], bids, sizes, asks, np.ones((1, 60)), tick_size=0.1)
    states = ladders(history)
    for band in range(1, 61):
        parameters = Parameters(depth=None, band_bps=band, decay=0.05)
        check(export(tmp_path, parameters, history), history, parameters, states)


def test_its_powers_of_two_are_the_signals(tmp_path, history):
    module = export(tmp_path, Parameters(), history)
    np.testing.assert_array_equal(module.EXP2, np.array(imbalance_numpy.POLYNOMIAL, float))
    x = np.concatenate([
        -np.geomspace(1e-12, 200, 20_000), -np.arange(0, 130, 0.5), [-126.0, -0.0],
        np.nextafter(-np.arange(0, 130, 0.5, np.float32), np.float32(-1e9)),
    ]).astype(np.float32)  # fmt: skip
    got = [module.exp2(one) for one in x.tolist()]
    np.testing.assert_array_equal(got, imbalance_numpy.exp2(x).astype(float))
    for one in (0.1, 1e-45, 1e-40, 3e38, 16_777_217.0):
        assert module.single(one) == float(np.float32(one))


# -- how it is used ----------------------------------------------------------------------------

BOOK = ([(100.0, 9.0)], [(101.0, 1.0)])  # 0.8
FLAT = ([(100.0, 1.0)], [(101.0, 1.0)])


@pytest.fixture
def module(tmp_path):
    history = early([1], [100], [9], [101], [1], tick_size=0.5)
    return export(tmp_path, Parameters(decay=0, depth=1, hold_seconds=10), history)


def test_a_file_that_is_replaced_within_a_second_is_imported_anew(tmp_path, history, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    depths = [export(tmp_path, Parameters(depth=depth), history).DEPTH for depth in (3, 4, 5)]
    assert depths == [3, 4, 5]


def test_one_position_at_a_time(module):
    second, strategy = 1_000_000_000, module.Strategy()
    assert strategy.decide(START, *BOOK)[:3] == (1, False, 0.8)
    assert strategy.position == 1
    assert strategy.decide(START + 9 * second, *BOOK)[:3] == (0, False, 0.8)
    assert strategy.decide(START + 10 * second, *BOOK)[:3] == (1, True, 0.8)  # out, and in again
    assert strategy.decide(START + 20 * second, *FLAT)[:3] == (0, True, 0.0)
    assert strategy.position == 0
    assert strategy.decide(START + 21 * second, BOOK[0][::-1], [(101.0, 99.0)]).enter == -1


def test_lost_books_leave_no_position(module):
    strategy = module.Strategy()
    assert strategy.lost() == 0
    strategy.decide(START, *BOOK)
    assert strategy.lost() == 1
    assert strategy.position == 0
    assert strategy.decide(START + 1, *BOOK).enter == 1  # it may decide again at once
    empty = strategy.decide(START + 2, [], [])  # the same
    assert (empty.enter, empty.exit, strategy.position) == (0, False, 0)
    assert np.isnan(empty.imbalance)


@pytest.mark.parametrize(
    "sides",
    [([], [(101.0, 1.0)]), ([(100.0, 1.0)], [])],
)
def test_a_due_position_waits_for_both_sides(module, sides):
    strategy = module.Strategy()
    strategy.decide(START, *BOOK)
    decision = strategy.decide(START + 20_000_000_000, *sides)
    assert (decision.enter, decision.exit, strategy.position) == (0, False, 1)
    assert np.isnan(decision.imbalance)
    assert strategy.decide(START + 20_000_000_001, *FLAT).exit


# -- what it refuses ---------------------------------------------------------------------------

WRONG = "A time is an int of nanoseconds, and a level two numbers, price and size: "


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"time": 1_700_000_000}, "1700000000 is a time in seconds: multiply it by 1,000,000,000."),
        ({"time": 1_700_000_000_000}, "1700000000000 "
         "is a time in milliseconds: multiply it by 1,000,000."),
        ({"time": 1_700_000_000_000_000}, "1700000000000000 "
         "is a time in microseconds: multiply it by 1,000."),
        ({"time": 0}, "0 is no time in nanoseconds between 1980 and now."),
        ({"time": 2**62}, f"{2**62} is no time in nanoseconds between 1980 and now."),
        ({"time": START - 1}, f"Time goes back, from {START} to {START - 1}."),
        ({"time": NAN}, WRONG),
        ({"time": 1.7e18}, WRONG),
        ({"time": "now"}, WRONG),
        ({"time": None}, WRONG),
        ({"bids": [(99.0, 1.0), (100.0, 1.0)]}, "bids are not sorted: give the best level first."),
        ({"bids": [(99.0, 1.0), (99.0, 1.0)]}, "bids are not sorted: give the best level first."),
        ({"asks": [(102.0, 1.0), (101.0, 1.0)]}, "asks are not sorted: give the best level first."),
        ({"bids": [(101.0, 1.0)]}, "The book is crossed: 101.0, 101.0."),
        ({"bids": [("99.9", "5")]}, WRONG),
        ({"bids": [(99.9, "5")]}, WRONG),
        ({"bids": [99.9]}, WRONG),
        ({"bids": [(99.9, 1.0, 3)]}, WRONG),
        ({"bids": 99.9}, WRONG),
        ({"asks": {"price": 1}}, WRONG),
        *(
            ({"asks": [(101.0, 1.0), (price, 1.0)]},
             "asks have a price that is no number above 0.")
            for price in (0.0, -1.0, NAN, math.inf)
        ),
        *(
            ({"bids": [(100.0, size), (99.0, 2.0)]},
             "bids have a size that is no number above 0.")
            for size in (0.0, -1.0, NAN, math.inf, 1e39)
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_a_book_is_refused_and_changes_nothing(module, change, text):
    strategy = module.Strategy()
    strategy.decide(START, *BOOK)
    before = dict(vars(strategy))
    given_in = {"time": START + 1, "bids": FLAT[0], "asks": FLAT[1], **change}
    with pytest.raises(module.BookError) as error:
        strategy.decide(given_in["time"], given_in["bids"], given_in["asks"])
    assert isinstance(error.value, ValueError)
    assert str(error.value).startswith(text)
    assert text == WRONG or str(error.value) == text
    assert vars(strategy) == before


# -- the file ----------------------------------------------------------------------------------


def test_it_needs_the_standard_library_alone(tmp_path, history):
    parameters = SETTINGS[2]
    path = obi.export_strategy(tmp_path / "s.py", parameters, history)
    tree = ast.parse(path.read_text())
    roots = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            roots.add(node.module.split(".")[0])
    assert roots <= set(sys.stdlib_module_names)
    assert len(path.read_text().splitlines()) < 380
    code = (
        "import sys; sys.path.insert(0, '.'); import s; print(s.Strategy().decide(10**18, [], []))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", code],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "Decision(enter=0, exit=False, imbalance=nan, orders=(), fills=())\n"
    assert done.stderr == ""


@pytest.mark.parametrize("config", ["--isolated", "pyproject"])
def test_it_is_clean(tmp_path, history, config):
    here = ["--config", str(Path(__file__).parents[1] / "pyproject.toml")]
    findings = obi.calibrate(history, SETTINGS[0]).findings
    for parameters, found in ((SETTINGS[1], None), (SETTINGS[0], findings), (SETTINGS[2], None)):
        path = obi.export_strategy(tmp_path / "s.py", parameters, history, findings=found)
        for what in (["check"], ["format", "--check"]):
            options = [config] if config == "--isolated" else here
            command = [sys.executable, "-m", "ruff", *what, *options, str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


def test_it_says_what_it_was_tuned_on(tmp_path, history):
    parameters = SETTINGS[1].replace(fee_bps=3.5)
    module = export(tmp_path, parameters, history)
    decay, depth, threshold, hold = module.DECAY, module.DEPTH, module.THRESHOLD, module.HOLD_NS
    assert (decay, depth, threshold, hold) == (0.7, None, 0.2, 1_000_000_000)
    assert history.levels == module.LEVELS
    assert (module.BAND_BPS, module.NOTIONAL) == (None, False)
    tick_size, tuned_on = module.TICK_SIZE, module.TUNED_ON
    assert tick_size == history.tick_size
    assert tuned_on == {
        "venue": history.instrument.venue,
        "symbol": history.instrument.symbol,
        "start": f"{history.time[0].astype('datetime64[ns]')}Z",
        "end": f"{history.time[-1].astype('datetime64[ns]')}Z",
        "states": len(history),
        "levels": history.levels,
        "interval": history.interval,
        "sha256": history.sha256(),
        "package": f"obi-widgets {obi.__version__}",
        "gaps": history.gaps,
        "price": "touch",
        "fee_bps": 3.5,
    }
    told = Provenance("v", 'a "b"', "x", "y", 1, 2, 0.1, "z", "w")
    module = export(tmp_path, parameters, history, provenance=told)
    assert module.TUNED_ON["symbol"] == 'a "b"'
    assert module.TUNED_ON["interval"] == 0.1
    # Nothing of the template's own constants is left.
    assert TEMPLATE.read_text().count("DECAY = 0.1\n") == 1
    assert "DECAY = 0.1" not in (tmp_path / "a_strategy.py").read_text()


def test_it_says_what_calibration_said(tmp_path, history):
    report = obi.calibrate(history, SETTINGS[0], tried=7)
    module = export(tmp_path, SETTINGS[0], history, findings=report.findings)
    at = report.judgement.horizon
    told = module.CALIBRATION
    assert (told["verdict"], told["tried"]) == (report.verdict, 7)
    assert told["horizon"] == report.horizons[at]
    assert told["mean_bps"] == pytest.approx(report.means.mean_bps[at, 0], rel=1e-7)
    assert told["seconds"] == report.seconds
    said = f"{report.verdict.capitalize()}. {report.reason}"
    assert first_lines(tmp_path).startswith(f"{said} Tuned on {history.provenance}.")
    assert export(tmp_path, SETTINGS[0], history).CALIBRATION["verdict"] == "not calibrated"
    assert first_lines(tmp_path).startswith(
        "Not calibrated. It is not known whether these settings"
    )


def first_lines(path):
    """Return the comments before the docstring, unwrapped."""
    lines = (path / "a_strategy.py").read_text().partition('"""')[0].splitlines()
    assert lines
    assert all(line.startswith("# ") for line in lines)
    return " ".join(line[2:] for line in lines)


def test_another_market_is_warned_of_once(tmp_path, history):
    module = export(tmp_path, Parameters(), history)
    of = f"{history.instrument.venue}:{history.instrument.symbol}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module.Strategy()
        strategy = module.Strategy(of)
        strategy.decide(10**18, *BOOK)
    with pytest.warns(module.MarketWarning) as told:
        strategy = module.Strategy("okx:ETH-PERP")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        strategy.decide(10**18, *BOOK)
    assert [str(one.message) for one in told] == [
        f"Tuned on {of}, run on okx:ETH-PERP: its verdict does not hold for that market."
    ]
    assert told[0].filename == __file__
    nameless = obi.History.from_arrays([10**18], [100], [9], [101], [1], tick_size=0.5)
    with pytest.warns(UserWarning, match="Tuned on a market without a name, run on x:Y"):
        export(tmp_path, Parameters(), nameless).Strategy("x:Y")


def test_findings_of_others_are_not_exported_with_it(tmp_path, history):
    findings = obi.calibrate(history, SETTINGS[0]).findings
    other = replace(history, instrument=Instrument("okx", "ETH-PERP"))
    with pytest.raises(obi.ObiError) as error:
        export(tmp_path, SETTINGS[1], history, findings=findings)
    assert str(error.value).startswith("The report is about other settings: decay = 0.1, not 0.7; ")
    with pytest.raises(obi.ObiError) as error:
        export(tmp_path, SETTINGS[0], other, findings=findings)
    assert "and the settings were tuned on 'okx:ETH-PERP'" in str(error.value)
    part = history[: len(history) // 2]
    module = export(tmp_path, SETTINGS[0], part, findings=findings)
    assert module.TUNED_ON["sha256"] == part.sha256()
    assert module.JUDGED_ON["sha256"] == history.sha256()


def test_a_text_from_a_venue_stays_in_its_comment(tmp_path):
    bad = Instrument("x", 'A\n\r\x0c\u2028import os\n"""')
    history = obi.History.from_arrays(
        [10**18], [100], [9], [101], [1], tick_size=0.5, instrument=bad
    )
    module = export(tmp_path, Parameters(), history)
    assert module.TUNED_ON["symbol"] == bad.symbol
    assert not hasattr(module, "os")


def test_no_more_levels_than_there_were(tmp_path, history):
    assert export(tmp_path, Parameters(depth=40), history).LEVELS == 50
    shallow = early([1], [100], [9], [101], [1], tick_size=0.5)
    deeper = ([(100.0, 9.0), (99.5, 7.0)], [(101.0, 1.0)])
    module = export(tmp_path, Parameters(depth=None, decay=0), shallow)
    assert module.imbalance(*deeper) == 0.8
    assert math.isnan(export(tmp_path, Parameters(depth=2), shallow).imbalance(*deeper))


def test_what_is_refused(tmp_path, history):
    with pytest.raises(obi.ObiError) as error:
        obi.export_strategy("s.toml", Parameters(), history)
    assert str(error.value) == "'s.toml' ends in '.toml'. Give a name that ends in .py."
    with pytest.raises(obi.ObiError) as error:
        obi.export_strategy("s.py", Parameters(), history[:0])
    assert str(error.value) == ("The history has no states. Wait for the first book, then export.")
    with pytest.raises(obi.ObiError) as error:
        obi.export_strategy(tmp_path / "no" / "s.py", Parameters(), history)
    assert str(error.value) == (
        f"{tmp_path / 'no' / 's.py'} cannot be written: No such file or directory. "
        "Choose another place."
    )
    with pytest.raises(obi.ObiError) as error:
        obi.export_strategy("s.py", {}, history)
    assert str(error.value) == "A dict is not settings. Give obi.Settings(...)."
