"""Strategy files with gates: run by themselves, they open and close as the settings' gates do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_strategy_executed import books, strategy_of
from test_strategy_posted import traded_by
from test_strategy_signals import in_a_fresh_process

import obi_widgets as obi
from obi_widgets.strategy import export
from obi_widgets.strategy.plain_gates import HoursGate
from obi_widgets.strategy.written_gates import OWN, PLAIN
from obi_widgets.trading.gates import registry
from obi_widgets.trading.gates.hours import HOUR, hours

SECOND = 10**9
MIDNIGHT = 19_923 * 24 * HOUR  # Friday, 19 July 2024
SCALE = 2.0


@obi.gate(needs="levels", lookback="window")
def exported_touch(history, *, window: obi.Seconds(1, 60) = 3.0, most: obi.Number(0, 9) = 1.5):
    """Return where what rests at the best price is not far above its mean."""
    from math import inf

    out = np.empty((2, len(history)))
    for side, row in ((+1, 0), (-1, 1)):
        sizes = np.nan_to_num(history.sizes(side)[:, 0]).astype(float)
        total = np.append(0.0, np.cumsum(sizes))
        first = np.searchsorted(history.time, history.time - int(window * 1e9), "right")
        mean = (total[1:] - total[first]) / (np.arange(1, len(sizes) + 1) - first)
        out[row] = (sizes <= most * mean) & (sizes < inf)
    return out


@obi.gate
def exported_narrow(history):
    # One row for both sides; unknown where the spread is.
    bps = 1e4 * history.spread / history.mid
    return np.where(np.isnan(bps), np.nan, bps < 0.1)


GATES = {
    "depth": {"band_bps": 0.4, "window": 10, "quantile": 0.3},
    "hours": {"from_hour": 0, "until_hour": 23.99, "days": "weekdays"},
    "largest_share": {"window": 10, "depth": 5, "quantile": 0.7, "most": 0.8},
    "spread": {"window": 10, "quantile": 0.7, "most_bps": 0.5},
    "volatility": {"window": 3, "of_last": 10, "most": 0.7, "least": 0.1},
    "exported_touch": {},
    "exported_narrow": {},
}
OTHERS = (
    {"gates": {"spread": {"quantile": None, "most_bps": 0.1}}},
    {"gates": {"largest_share": {"depth": 10, "quantile": None, "most": 0.5}}},
    {"gates": {"volatility": {"window": 5, "most": None, "least": 0.5, "of_last": 20}}},
    {"gates": {"spread": GATES["spread"], "exported_touch": {}}, "entry_rule": "crossing",
     "threshold": 0.2},
    {"gates": {"volatility": GATES["volatility"]}, "entry_rule": "transition", "threshold": 0.2,
     "exit_flip": "on", "stop_bps": 0.3, "latency_ms": 150},
    {"gates": {"largest_share": GATES["largest_share"], "depth": GATES["depth"]},
     "threshold_is": "quantile", "threshold": 0.6, "quantile_window": 10, "exit_fade": 0.5},
    {"gates": {"exported_narrow": {}}, "signal": "zscore(imbalance)", "window": 5.0},
)  # fmt: skip
CASES = [{"gates": {name: values}} for name, values in GATES.items()]
HELD = {"threshold": 0.3, "hold_seconds": 2}


@pytest.fixture(scope="module")
def tape(loaded):
    """One capture is enough: signals of both have their own tests."""
    return loaded("ethusdt")


@pytest.fixture(scope="module")
def holed():
    """Two and a half minutes around midnight, with gaps and with sides that are empty."""
    history = obi.simulate(seconds=150, levels=10, seed=3)
    columns = [history.prices(+1), history.sizes(+1), history.prices(-1), history.sizes(-1)]
    columns = [column.astype(float) for column in columns]
    for at in (250, 700, 701, 1100):
        for column in columns:
            column[at : at + at % 7] = np.nan
    for at in np.random.default_rng(3).integers(0, len(history), 40):
        columns[2 * (at % 2)][at] = np.nan
    time = MIDNIGHT - 70 * SECOND + history.time - history.time[0]
    return obi.History.from_arrays(time, *columns, tick_size=history.tick_size)


def settings_of(case):
    return obi.Settings(**(HELD | case))


def opened(path, history):
    """Return what the gates of a file say at each state, shape (2, T), and its entries."""
    strategy, made, found = strategy_of(path), [], []
    for time, bids, asks in books(history):
        decision = strategy.decide(time, bids, asks)
        found.append(strategy.gates.open)
        if decision.enter:
            made.append((time, decision.enter))
    return np.array(found).T, made


@pytest.mark.parametrize("case", [*CASES, *OTHERS], ids=str)
def test_it_opens_and_enters_as_the_settings_do(holed, case, tmp_path):
    """With gaps, and with sides that are empty."""
    history, settings = holed, settings_of(case)
    path = obi.export_strategy(tmp_path / "s.py", settings, history)
    found, made = opened(path, history)
    allowed = settings.gates.allowed(history)
    np.testing.assert_array_equal(found, allowed)
    assert 0.02 < allowed.mean() < 0.98
    trades = obi.fills(history, settings)
    times = trades["decision_time"].astype("int64").tolist()
    assert list(zip(times, trades["side"].tolist(), strict=True)) == made[: len(times)]
    assert len(made) - len(times) in (0, 1)  # the last order may be on its way
    assert len(made) > 3
    free = obi.entries(history, settings.parameters.replace(gates=None))
    assert len(free) != len(made), "the gate removes none, so nothing is shown"


def test_a_fresh_process_needs_nothing_of_this_package(holed, tmp_path):
    history = holed[:1000]
    names = ("exported_touch", "largest_share", "spread")
    settings = settings_of({"gates": {name: GATES[name] for name in names}})
    path = obi.export_strategy(tmp_path / "s.py", settings, history)
    got = in_a_fresh_process(path, history)
    entered = [(t, enter) for t, (_, enter, _) in zip(history.time, got, strict=True) if enter]
    trades = obi.entries(history, settings)
    times = trades["entry_time"].astype("int64")
    assert entered == list(zip(times, trades["side"], strict=True))
    text = path.read_text()
    assert "import obi_widgets" not in text
    assert "class SpreadGate" in text
    assert "class HoursGate" not in text, "a file has the gates that it uses"


@pytest.mark.parametrize("name", [*PLAIN, OWN])
def test_the_file_is_clean_and_numpy_only_where_a_user_needs_it(name, tape, tmp_path):
    gates, history = {name: GATES.get(name, {})}, tape[:500]
    if name == OWN:
        gates = {"exported_touch": {}}
    if name == "conflict":  # it needs hours
        sizes = np.ones(800)
        history = obi.History.from_arrays(
            MIDNIGHT + 10 * SECOND * np.arange(800), 100 * sizes, sizes, 101 * sizes, sizes
        )
        gates = {"conflict": {"depth": 1}}
    path = obi.export_strategy(
        tmp_path / "s.py", settings_of({"depth": 1, "gates": gates}), history
    )
    assert ("numpy" in path.read_text()) == (name == OWN)
    config = str(Path(__file__).parents[1] / "pyproject.toml")
    for what in (["check"], ["format", "--check"]) if name != OWN else (["check", "--select=F,E"],):
        command = [sys.executable, "-m", "ruff", *what, "--config", config, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_with_posted_orders(tape, tmp_path):
    settings = obi.Settings(
        execution="post_only", threshold=0.4, hold_seconds=3,
        gates={"volatility": {"window": 5, "of_last": 30}, "spread": {"window": 30}},
    )  # fmt: skip
    part = tape[:2000]
    path = obi.export_strategy(tmp_path / "s.py", settings, part)
    made = traded_by(strategy_of(path), part)
    frame = obi.entries(part, settings, queue="back")
    assert [one[:2] for one in made] == [
        [side, time.value] for side, time in zip(frame["side"], frame["entry_time"], strict=True)
    ]
    assert len(made) > 3


@pytest.mark.parametrize("days", ["all", "weekdays", "weekends"])
@pytest.mark.parametrize(("since", "until"), [(7.0, 21.5), (22.0, 3.0), (5.0, 5.0), (0.0, 24.0)])
def test_hours_of_two_weeks(since, until, days):
    time = 1_700_000_000 * SECOND + np.arange(0, 14 * 24 * HOUR, HOUR // 4)
    ones = np.ones(len(time))
    history = obi.History.from_arrays(time, 100 * ones, ones, 101 * ones, ones)
    wanted = hours(history, from_hour=since, until_hour=until, days=days)
    gate = HoursGate(round(since * HOUR), round(until * HOUR), days)
    found = [gate(int(at), [], []) for at in time]
    np.testing.assert_array_equal(np.array(found).T, wanted == 1)


def test_lost_books_close_it_until_it_knows_again(tmp_path):
    history = obi.simulate(seconds=60, seed=2, levels=10)
    path = obi.export_strategy(tmp_path / "s.py", settings_of(CASES[3]), history)
    strategy, states = strategy_of(path), list(books(history))
    seen = []
    for row, state in enumerate(states):
        if row == 300:
            strategy.lost()
            assert strategy.gates.open == (False, False)
        strategy.decide(*state)
        seen.append(any(strategy.gates.open))
    began = states[300][0]
    full = next(row for row, state in enumerate(states) if state[0] - began >= 10 * SECOND)
    assert any(seen[:300])
    assert not any(seen[300:full])
    assert any(seen[full:])


# -- refusals ----------------------------------------------------------------------------------


def test_each_built_in_gate_is_exported_or_refused_with_the_reason(tape, tmp_path):
    for name in registry.BUILT_IN:
        if name in PLAIN:
            continue
        with pytest.raises(obi.ObiError) as error:
            obi.export_strategy(tmp_path / "s.py", obi.Settings(gates=[name]), tape[:500])
        reason = (
            "it follows large levels through every change of the whole book, and a strategy file "
            "knows the best levels alone"
        )
        assert str(error.value) == (
            f"The gate {name} cannot be exported: {reason}. A strategy file can have the gates "
            "conflict, depth, hours, largest_share, spread and volatility, and a function of your "
            "own of the book. With this package, settings.gates.allowed(history) says where any "
            "gate is open."
        )
    assert not list(tmp_path.iterdir())


def refusal(gate, tape, tmp_path):
    with pytest.raises(obi.ObiError) as error:
        obi.export_strategy(tmp_path / "s.py", obi.Settings(gates=[gate]), tape[:400])
    assert not (tmp_path / "s.py").exists()
    return str(error.value)


def test_a_users_gate_that_is_not_self_contained_is_refused(tape, tmp_path):
    @obi.gate
    def uses_global(history):
        return history.spread < SCALE

    said = refusal(uses_global, tape, tmp_path)
    assert said.startswith("The gate uses_global cannot be exported: it uses the global name SCALE")

    @obi.gate(needs="flow")
    def uses_flow(history):
        return history.spread > 0

    said = refusal(uses_flow, tape, tmp_path)
    assert "it needs flow, and a strategy file is given books alone" in said

    @obi.gate(needs="levels")
    def uses_many(history, *, depth: obi.Levels(1, 500) = 400):
        return history.spread > 0

    assert "it may reach beyond what is kept, 50 levels a" in refusal(uses_many, tape, tmp_path)

    @obi.gate
    def remembers(history):
        return np.arange(len(history)) % 2 == 0  # by its place in the history

    said = refusal(remembers, tape, tmp_path)
    assert said.startswith("These gates cannot be exported: in state 1 they and the file say other")

    @obi.gate(lookback=1e6)
    def looks_far(history):
        return history.spread > 0

    said = refusal(looks_far, tape, tmp_path)
    assert said.startswith(
        "The gate looks_far has no value in this history, so its strategy cannot"
    )


def test_a_signal_of_the_same_name_is_another_function(tape, tmp_path):
    @obi.signal(needs="touch")
    def exported_narrow(history):
        return history.spread * 0 + 0.5

    settings = obi.Settings(exported_narrow, threshold=0.4, gates=["exported_narrow"])
    path = obi.export_strategy(tmp_path / "s.py", settings, tape[:400])
    text = path.read_text()
    assert "def exported_narrow(history)" in text
    assert "def exported_narrow_gate(history)" in text


def test_a_file_whose_gates_differ_is_not_written(tape, tmp_path, monkeypatch):
    other = tmp_path / "gates.py"
    text = Path(export.__file__).with_name("plain_gates.py").read_text()
    other.write_text(text.replace("return narrow, narrow", "return narrow, True"))
    monkeypatch.setattr("obi_widgets.strategy.variants.GATES", other)
    with pytest.raises(obi.ObiError, match="These gates cannot be exported: in state"):
        obi.export_strategy(tmp_path / "s.py", settings_of(CASES[3]), tape[:1500])
    assert not (tmp_path / "s.py").exists()
