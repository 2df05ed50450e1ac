"""Strategy files in backtests of other programs: they decide as `obi.entries`, state by state.

`.ci/in-company` runs this file in an environment of its own, since both programs need older
releases, of NumPy and of pandas, than the other tests run with.
"""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import obi_widgets as obi

pytest.importorskip("hftbacktest")
pytest.importorskip("nautilus_trader")

# Of nautilus_trader, with pandas 3.
pytestmark = pytest.mark.filterwarnings("ignore:Timestamp.utcnow is deprecated")

EXAMPLES = Path(__file__).parents[1] / "examples"

RULES = {
    "crossing": {"threshold": 0.4, "entry_rule": "crossing"},
    "beyond": {"threshold": 0.5, "exit_flip": "on", "stop_bps": 1.0},
}


def by_hftbacktest(history, strategy, latency_ms):
    """Return decisions and the prices of fills."""
    example = runpy.run_path(str(EXAMPLES / "hftbacktest_strategy.py"), run_name="example")
    events = example["events"](history)
    backtest = example["market"](events, history.tick_size, latency_ms)
    entries, orders = example["trade"](backtest, strategy)
    made = backtest.orders(0)
    prices = [made.get(number).exec_price for number in range(1, orders + 1)]
    backtest.close()
    return entries, prices


def by_nautilus(history, strategy, latency_ms):
    """Return decisions and the prices of fills."""
    example = runpy.run_path(str(EXAMPLES / "nautilus_strategy.py"), run_name="example")
    run, positions = example["run"](history, strategy, latency_ms)
    assert len(positions) > 10
    return run.entries, run.filled


OTHERS = {"hftbacktest": by_hftbacktest, "nautilus_trader": by_nautilus}


@pytest.fixture(scope="module")
def history():
    return obi.simulate(seconds=120, levels=10, seed=1)


@pytest.mark.parametrize("latency_ms", [0, 150])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("other", OTHERS)
def test_it_decides_alike_and_is_filled_as_the_example_says(
    other, rule, latency_ms, history, tmp_path
):
    settings = obi.Settings(depth=10, hold_seconds=3, latency_ms=latency_ms, **RULES[rule])
    path = obi.export_strategy(tmp_path / "strategy.py", settings, history)
    strategy = runpy.run_path(str(path))["Strategy"]("sim:BTC-PERP")
    entries, prices = OTHERS[other](history, strategy, latency_ms)

    ours = obi.entries(history, settings)
    assert len(ours) > 10
    assert ours["exit_time"].notna().all()  # no order is on its way when the data end
    sides = ours["side"].to_numpy()
    times = ours[["entry_time", "exit_time"]].astype("datetime64[ns, UTC]").astype("int64")
    # Ours is filled at the first state at which the order has arrived.
    latency = latency_ms * 1_000_000
    decided = np.searchsorted(history.time, times.to_numpy() - latency, "right") - 1
    assert entries == list(zip(history.time[decided[:, 0]].tolist(), sides.tolist(), strict=True))
    our_prices = ours[["entry_price", "exit_price"]].to_numpy()
    if other == "nautilus_trader":
        assert prices == our_prices.ravel().tolist()
        return
    # Theirs at the last state before, which is the same one if no time has passed.
    standing = np.searchsorted(history.time, history.time[decided] + latency, "right") - 1
    bid, ask = history.prices(+1)[standing, 0], history.prices(-1)[standing, 0]
    touch = np.where(sides[:, None] * [1, -1] > 0, ask, bid)
    assert prices == touch.ravel().tolist()
    assert np.array_equal(touch, our_prices) == (latency_ms == 0)


@pytest.mark.parametrize("other", OTHERS)
def test_it_runs_as_it_stands(other, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    name = f"{other.removesuffix('_trader')}_strategy.py"
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    theirs, ours = capsys.readouterr().out.partition(" by obi.entries")[0].split(" entries, ")
    assert int(theirs) == int(ours) > 20
    assert [path.name for path in tmp_path.iterdir()] == ["strategy.py"]
