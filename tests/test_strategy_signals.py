"""Strategy files of any signal: run by themselves, they give what the settings give."""

from __future__ import annotations

import json
import linecache
import math
import subprocess
import sys

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.parameters import Levels, Number, Seconds
from obi_widgets.signals import registry
from obi_widgets.signals.signal import signal
from obi_widgets.signals.transforms import difference, smooth, velocity, weighted_sum, zscore
from obi_widgets.strategy.plain import EXPORTED, OF_FLOW, OF_TRADES

SCALE = 3.0


@signal(range=(-1, 1), needs="touch")
def exported_touch(history, *, power: Number(0.1, 4) = 1.0):
    # At the best prices only.
    _, (bid, ask) = history.rank(0)
    with np.errstate(invalid="ignore"):
        value = (bid - ask) / (bid + ask)

    def bent(one):
        """A name of its own: it does not count as one from outside."""
        return np.sign(one) * np.abs(one) ** power

    return bent(value)


@signal(unit="bps", needs="touch", lookback="window")
def exported_move(history, *, window: Seconds(0.5, 60) = 2.0):
    """Return how far mid has moved."""
    import math as m

    rows = np.searchsorted(history.time, history.time - int(window * 1e9), "right") - 1
    before = np.where(rows >= 0, history.mid[np.maximum(rows, 0)], np.nan)
    return m.fabs(-1e4) * (history.mid - before) / before


@signal(needs="levels")
def exported_depth(history, *, depth: Levels(1, 50) = 5):
    return sum(
    np.nansum(side * history.sizes(side)[:, :depth], axis=1) for side in (+1, -1))  # fmt: skip


QUANTILE = {"threshold_is": "quantile", "threshold": 0.8, "quantile_window": 10}
CASES = [
    obi.Settings(exported_touch, power=0.5, threshold=0.5),
    obi.Settings(exported_move, window=1.5, threshold=0.1),
    obi.Settings(exported_depth, threshold=2.0),
    obi.Settings(zscore(obi.imbalance, 5), threshold=1.5),
    obi.Settings(smooth(exported_touch, 3), threshold=0.3),
    obi.Settings(difference(obi.imbalance, 2), depth=None, threshold=0.3),
    obi.Settings(velocity(exported_depth, 2), threshold=1.0),
    obi.Settings(
        weighted_sum([obi.imbalance, smooth(obi.imbalance, 3), exported_touch], [1, -1, 0.5]),
        smooth_imbalance_decay=0.7, threshold=0.4,
    ),
    obi.Settings(**QUANTILE),
    obi.Settings(zscore(exported_touch, 5), **QUANTILE),
    obi.Settings(
        weighted_sum([obi.rank_imbalance, obi.book_slope], [1.0, 2.0]), depth=3,
        book_slope_depth=2, share=0.5, threshold=0.6,
    ),
]  # fmt: skip

RUN = """
import json, sys
sys.modules["obi_widgets"] = None  # it must not be needed
import importlib.util
spec = importlib.util.spec_from_file_location("exported", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
strategy = module.Strategy()
for line in sys.stdin:
    decision = strategy.decide(*json.loads(line))
    print(json.dumps([decision[2], decision.enter, decision.exit]))
"""


def in_a_fresh_process(path, history):
    """Return signal, enter and exit of each state, as another Python makes them."""
    sides = []
    for side in (+1, -1):
        prices, sizes = history.prices(side), history.sizes(side)
        counts = np.count_nonzero(~np.isnan(prices), axis=1)
        sides.append([
            list(zip(p[:n].tolist(), s[:n].tolist(), strict=True))
            for p, s, n in zip(prices, sizes, counts, strict=True)
        ])  # fmt: skip
    lines = "\n".join(map(json.dumps, zip(history.time.tolist(), *sides, strict=True)))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN, str(path)],
        input=lines, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("settings", CASES, ids=lambda one: f"{one.signal.name} {one.threshold_is}")
def test_a_fresh_process_gives_the_same_state_by_state(broken, settings, tmp_path):
    history = broken[:2500]
    path = obi.export_strategy(tmp_path / "s.py", settings, history)
    got = in_a_fresh_process(path, history)
    values = np.array([value for value, *_ in got], float)
    wanted = settings.signal(history, settings)
    np.testing.assert_array_equal(np.isnan(values), np.isnan(wanted))
    np.testing.assert_allclose(values, wanted, rtol=1e-9, atol=1e-9)
    trades = obi.entries(history, settings)
    times = history.time[[enter != 0 for _, enter, _ in got]]
    assert times.tolist() == trades.entry_time.astype("int64").tolist()
    assert [enter for _, enter, _ in got if enter] == trades.side.tolist()
    assert len(trades) > 3
    left = history.time[[leave for *_, leave in got]]
    done = trades[trades.ended == "held"]
    assert left.tolist() == done.exit_time.astype("int64").tolist()


def test_it_is_not_the_imbalance_that_it_speaks_of(history, tmp_path):
    path = obi.export_strategy(tmp_path / "s.py", obi.Settings(exported_touch), history[:500])
    text = path.read_text()
    assert "imbalance" not in text.partition("import math")[0].lower()
    for name in ("DECAY", "BAND_BPS", "imbalance(", "EXP2", "Zscore", "import obi_widgets"):
        assert name not in text
    assert "# At the best prices only." in text, "the source is the user's own"


# -- refusals ----------------------------------------------------------------------------------


def refusal(function, history, tmp_path, **declared):
    made = signal(needs="touch", **declared)(function)
    path = tmp_path / "refused.py"
    with pytest.raises(obi.ObiError) as error:
        obi.export_strategy(path, obi.Settings(made, threshold=0.1), history)
    assert not path.exists()
    return str(error.value)


ADVICE = " Write what it needs in the function, or make it a parameter; numpy may be imported."


def test_what_is_not_self_contained_is_refused_with_the_reason(history, tmp_path):
    history, factor = history[:500], 2.0

    def uses_closure(history):
        return history.spread * factor

    def uses_global(history):
        return history.spread * SCALE

    def uses_module(history):
        return history.spread * len(json.dumps(1)) * bool(obi.__version__)

    def uses_import(history):
        import pandas as pd

        return pd.Series(history.spread).to_numpy()

    start = "cannot be exported: "
    for function, reason in (
        (uses_closure, "it uses factor of the function around it"),
        (uses_global, "it uses the global name SCALE"),
        (uses_module, "it uses the module obi_widgets"),
        (uses_import, "it imports pandas"),
        (eval("lambda history: history.spread"), None),
    ):
        name = {} if reason else {"name": "nameless"}
        said = refusal(function, history, tmp_path, **name)
        if reason:
            assert said == f"The signal {function.__name__} {start}{reason}.{ADVICE}"
        else:
            assert said == (
                "Python does not know the source of the signal nameless. Define it in a notebook's "
                "cell or in a file."
            )


def test_the_text_of_python_c_is_no_signals_source(history, tmp_path, monkeypatch):
    # Python 3.13 keeps it there, and workers of pytest-xdist are started by such a text.
    text = ["import sys; exec(sys.stdin.read())\n"]
    monkeypatch.setitem(linecache.cache, "<string>", (len(text[0]), None, text, "<string>"))
    said = refusal(eval("lambda history: history.spread"), history[:100], tmp_path, name="bare")
    assert said.startswith("Python does not know the source of the signal bare.")


def test_a_lambda_is_refused(history, tmp_path):
    made = [signal(needs="touch", name="a_lambda")(lambda history: history.spread)]
    with pytest.raises(obi.ObiError) as error:
        obi.export_strategy(tmp_path / "s.py", obi.Settings(*made), history[:100])
    reason = "it is not written as a function with def"
    assert str(error.value) == f"The signal a_lambda cannot be exported: {reason}.{ADVICE}"


def test_what_the_file_does_not_give_again_is_refused(history, tmp_path):
    history = history[:500]

    def cheats(history):
        return np.diff(history.mid, prepend=history.mid[:1])  # looks back, and does not say so

    said = refusal(cheats, history, tmp_path)
    assert said.startswith("The signal cheats cannot be exported: in state ")
    assert said.endswith(
        "It may depend only on the book, and on as much of the past as its look-back declares."
    )

    def asks_more(history):
        return history.received - history.time + history.spread

    said = refusal(asks_more, history, tmp_path)
    assert (
        "its file stopped with AttributeError: 'Books' object has no attribute 'received'" in said
    )

    def too_long(history):
        return history.spread

    said = refusal(too_long, history, tmp_path, lookback=1e6)
    assert said.startswith("The signal too_long has no value in this history")


WHAT_CAN = (
    "Export book_pressure, book_slope, buy_sell_ratio, card_direction, depth_difference, "
    "depth_ratio, imbalance, multi_level_order_flow_imbalance, notional_difference, "
    "order_flow_imbalance, queue_imbalance, rank_imbalance, trade_imbalance or vwap_deviation, a "
    "transform of these, or a function of your own of the book. With this package, "
    "session.on_state gives any signal state by state."
)


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN))
def test_each_built_in_signal_is_exported_or_refused_with_what_can_be(
    name, broken, history, tmp_path
):
    """What is exported was proved on these states: with gaps, and with sides that are empty."""
    beyond_books = name in OF_TRADES or name in OF_FLOW
    history, path = history[:1500] if beyond_books else broken[:1500], tmp_path / "s.py"
    if name in EXPORTED:
        kept = {} if name in ("imbalance", "queue_imbalance") else {"depth": 7}
        if "first" in registry.find(name).parameters:
            kept["first"] = 2
        if name in OF_TRADES:
            kept = {"window": 5}
        if name == "card_direction":  # in longer windows, too much is missing
            kept |= {"short": 10, "middle": 10, "long": 10}
        threshold = {"threshold_is": "quantile", "threshold": 0.7, "quantile_window": 10}
        obi.export_strategy(path, obi.Settings(name, **kept, **threshold), history)
        assert "\nimport obi_widgets" not in path.read_text()
        return
    with pytest.raises(obi.ObiError) as error:
        obi.export_strategy(path, obi.Settings(name), history)
    if registry.find(name).directional:
        reasons = (
            "which a strategy file cannot do.", "and a strategy file knows the best levels alone.",
        )  # fmt: skip
        assert any(f"{reason} {WHAT_CAN}" in str(error.value) for reason in reasons)
    assert not path.exists()


def test_what_books_alone_do_not_tell_is_refused(history, tmp_path):
    for needs in ("flow", "trades", "context"):
        made = signal(needs=["touch", needs], name=f"needs_{needs}")(lambda history: history.spread)
        for one in (made, smooth(made, 5)):
            with pytest.raises(obi.ObiError) as error:
                obi.export_strategy(tmp_path / "s.py", obi.Settings(one), history[:100])
            reason = f"needs {needs}, and a strategy file gives functions books alone"
            said = f"The signal {one.name} cannot be exported: {made.name} {reason}. {WHAT_CAN}"
            assert str(error.value) == said
    deep = obi.Settings(exported_depth, depth=50)
    shallow = obi.History.from_arrays([10**18], [100], [9], [101], [1], tick_size=0.5)
    with pytest.raises(obi.ObiError, match="it may reach beyond what is kept, 1 level a"):
        obi.export_strategy(tmp_path / "s.py", deep, shallow)


def test_findings_of_another_signal_go_with_no_file(history, tmp_path):
    settings = obi.Settings(exported_touch)
    report = obi.calibrate(history[:500], obi.Settings())
    with pytest.raises(obi.ObiError, match="The report is about another signal, 'imbalance'"):
        obi.export_strategy(tmp_path / "s.py", settings, history[:500], findings=report.findings)
    own = obi.calibrate(history[:500], settings)
    assert math.isfinite(own.means.n[0, 0])
    path = obi.export_strategy(tmp_path / "s.py", settings, history[:500], findings=own.findings)
    assert own.verdict.capitalize() in path.read_text()
