"""Strategy files with the card's direction or the gate of conflicts decide as settings do."""

from __future__ import annotations

import numpy as np
import pytest
from card_tools import wandering
from history_tools import SECOND, START
from test_strategy_executed import books, strategy_of
from test_strategy_signals import in_a_fresh_process

import obi_widgets as obi
from obi_widgets.signals.cycles import CYCLE

WINDOWS = {"short": 20, "middle": 60, "long": 300}
DEPTHS = {"depth": 2, "decay": 30.0}
CONFLICT = {"conflict": WINDOWS | DEPTHS | {"of_last": 7_200}}
SUM = obi.weighted_sum([obi.card_direction, obi.imbalance], [1.0, -0.5])
CASES = [
    {"signal": "card_direction", "threshold": 0.1, **WINDOWS, **DEPTHS},
    {"signal": "card_direction", "threshold": 0.8, "threshold_is": "quantile",
     "quantile_window": 300, "exit_flip": "on", **WINDOWS, "depth": None},
    {"signal": "smooth(card_direction)", "window": 60, "threshold": 0.1, **WINDOWS, **DEPTHS},
    {"signal": SUM, "threshold": 0.1, **WINDOWS, **DEPTHS, "imbalance_depth": 1},
    {"threshold": 0.4, **DEPTHS, "gates": CONFLICT},
    {"signal": "card_direction", "threshold": 0.1, "entry_rule": "crossing", **WINDOWS, **DEPTHS,
     "gates": {"conflict": CONFLICT["conflict"] | {"depth": 1, "band_bps": 20.0},
               "spread": {"window": 60}}},
    {"signal": "queue_imbalance", "threshold": 0.4, "latency_ms": 1_500, "gates": CONFLICT},
]  # fmt: skip


@pytest.fixture(scope="module")
def tape():
    """Two and a half hours of two levels a side: gaps, empty sides, silence, and three days off."""
    states = 1_800
    lasts = np.full(states, 5.0)
    lasts[::7] = 0.4
    lasts[[300, 1_200]] = 130.0, 40.0  # longer than cycles, with a book that holds
    lasts[1_500] = 3 * 86_400.0 + 3.3  # longer than anybody looks back
    time = START + 3 * SECOND + np.append(0, np.rint(lasts.cumsum()[:-1] * SECOND)).astype(int)
    leans = np.stack([wandering(states, seed) for seed in (1, 2)], axis=1)
    bid = np.round(100 + np.random.default_rng(1).normal(0, 0.02, states).cumsum(), 1)
    bids, asks = bid[:, None] - (0.0, 0.2), bid[:, None] + (0.1, 0.4)
    for lost in (slice(500, 502), slice(900, 901), slice(1_400, 1_403)):
        bids[lost] = asks[lost] = np.nan
    bids[100::97] = np.nan
    asks[150::97] = np.nan
    return obi.History.from_arrays(time, bids, 1 + leans, asks, 1 - leans, tick_size=0.1)


def run(path, history):
    """Return the signal, what gates say, and the entries, of the file alone."""
    strategy, values, opened, made = strategy_of(path), [], [], []
    for time, bids, asks in books(history):
        decision = strategy.decide(time, bids, asks)
        values.append(decision[2])
        if hasattr(strategy, "gates"):
            opened.append(strategy.gates.open)
        if decision.enter:
            made.append((time, decision.enter))
    return np.array(values), np.array(opened).T, made


@pytest.mark.parametrize("case", CASES, ids=lambda one: f"{one.get('signal')} {len(one)}")
def test_it_says_and_enters_as_the_settings_do(tape, case, tmp_path):
    settings = obi.Settings(hold_seconds=30, **case)
    path = obi.export_strategy(tmp_path / "s.py", settings, tape)
    values, opened, made = run(path, tape)
    wanted = obi.compute(tape, settings)
    if settings.signal.name.startswith("smooth"):
        np.testing.assert_allclose(values, wanted, rtol=1e-9, atol=1e-9)
    else:
        np.testing.assert_array_equal(values, wanted)  # to the bit
    if case.get("gates"):
        allowed = settings.gates.allowed(tape)
        np.testing.assert_array_equal(opened, allowed)
        assert 0.02 < allowed.mean() < 0.98
        assert any(at > tape.time[1_501] for at, _ in made), "it goes on after the gaps"
    trades = obi.fills(tape, settings)
    times = trades["decision_time"].astype("int64").tolist()
    assert made[: len(times)] == list(zip(times, trades["side"].tolist(), strict=True))
    assert len(made) - len(times) in (0, 1)
    assert len(made) > 3


def test_a_fresh_process_needs_nothing_of_this_package(tape, tmp_path):
    settings = obi.Settings(**CASES[0])
    path = obi.export_strategy(tmp_path / "s.py", settings, tape)
    got = in_a_fresh_process(path, tape[:600])
    values = np.array([value for value, *_ in got], float)
    np.testing.assert_array_equal(values, obi.compute(tape[:600], settings))
    text = path.read_text()
    for name in ("import numpy", "import obi_widgets", "ConflictGate", "Zscore"):
        assert name not in text


@pytest.mark.parametrize("case", [CASES[0], CASES[4]], ids=["signal", "gate"])
def test_books_that_were_missed_are_a_gap_and_no_end(tape, case, tmp_path):
    """Said by `lost`, it is the same as if the newest book had been lost when it came."""
    history, at = tape[:1_390], 1_300
    columns = [history.prices(+1), history.sizes(+1), history.prices(-1), history.sizes(-1)]
    columns = [column.astype(float) for column in columns]
    for column in columns:
        column[at] = np.nan
    gap = obi.History.from_arrays(history.time, *columns, tick_size=history.tick_size)
    settings = obi.Settings(**case)
    path = obi.export_strategy(tmp_path / "s.py", settings, history)
    strategy, values, opened = strategy_of(path), [], []
    for row, book in enumerate(books(history)):
        values.append(strategy.decide(*book)[2])
        if row == at:
            strategy.lost()
        if case.get("gates"):
            opened.append(strategy.gates.open)
    wanted = obi.compute(gap, settings)
    after = slice(at + 1, None)
    np.testing.assert_array_equal(values[after], wanted[after])
    whole = obi.compute(history, settings)
    if case.get("gates"):
        allowed = settings.gates.allowed(gap)[:, after]
        np.testing.assert_array_equal(np.array(opened).T[:, after], allowed)
        assert allowed.any()
    else:
        assert (whole[after] != wanted[after]).any(), "the gap changes nothing, so nothing is shown"
        assert not np.isnan(wanted[-1])


def test_a_jump_of_forty_years_is_no_loop_over_its_cycles(tape, tmp_path):
    path = obi.export_strategy(tmp_path / "s.py", obi.Settings(**CASES[0]), tape)
    strategy = strategy_of(path)
    book = [(100.0, 3.0)], [(100.1, 1.0)]
    added = []
    window = strategy._signal._windows._windows[0]
    add = window.add
    window.add = lambda *given: added.append(given) or add(*given)
    early = 320_000_000 * SECOND
    strategy.decide(early, *book)
    decision = strategy.decide(early + 40 * 365 * 86_400 * SECOND, *book)
    assert decision.signal == 0.5
    assert len(added) == WINDOWS["long"] * SECOND // CYCLE + 1


@pytest.mark.parametrize("transform", [obi.difference, obi.velocity])
def test_a_change_of_it_is_refused(transform, tape, tmp_path):
    settings = obi.Settings(transform(obi.card_direction), threshold=0.1)
    with pytest.raises(obi.ObiError, match="it compares with a value that may rest on states from"):
        obi.export_strategy(tmp_path / "s.py", settings, tape)
    assert not list(tmp_path.iterdir())


def test_levels_that_are_not_kept_are_refused(tape, tmp_path):
    for case in (
        {"signal": "card_direction", "depth": 9},
        {"gates": {"conflict": {"depth": None, "band_bps": 5.0}}},
    ):
        with pytest.raises(obi.ObiError, match="it may reach beyond what is kept, 2 levels a"):
            obi.export_strategy(tmp_path / "s.py", obi.Settings(**case), tape)
    with pytest.raises(obi.ObiError, match="The gate conflict has no value in this history"):
        obi.export_strategy(
            tmp_path / "s.py", obi.Settings(depth=1, gates={"conflict": {"depth": 1}}), tape[:500]
        )
    assert not list(tmp_path.iterdir())
