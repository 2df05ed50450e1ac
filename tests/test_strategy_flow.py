"""Strategy files with signals of order flow: given each book, they decide as the settings do."""

from __future__ import annotations

import math
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest
from flow_reference import Ladder, messages, order_flow
from test_strategy_executed import books, strategy_of

import obi_widgets as obi
from obi_widgets.strategy import plain_flow
from obi_widgets.strategy.plain import OF_FLOW
from obi_widgets.strategy.plain_flow import FLOW_RANKS, Flow
from obi_widgets.trading.post_only import QUEUES

SECOND = 10**9
START = 1_700_000_000 * SECOND
STATES = 1_500

SUM = obi.weighted_sum(
    [obi.order_flow_imbalance, obi.trade_imbalance, obi.vwap_deviation], [0.1, 1.0, 0.5]
)
CASES = [
    {"signal": "order_flow_imbalance", "window": 3.0, "depth": 4, "threshold": 20.0},
    {"signal": "multi_level_order_flow_imbalance", "window": 2.0, "rank": 2, "threshold": 0.5},
    {"signal": "zscore(order_flow_imbalance)", "window": 2.0, "zscore_window": 10.0,
     "threshold": 1.5, "exit_flip": "on", "gates": {"spread": {"window": 10}}},
    {"signal": SUM, "window": 3.0, "threshold": 2.0},
    {"signal": "order_flow_imbalance", "window": 3.0, "threshold_is": "quantile",
     "threshold": 0.5, "quantile_window": 10, "wait_seconds": 10, "execution": "post_only"},
]  # fmt: skip


@pytest.fixture(scope="module")
def tape(loaded):
    """Two and a half minutes of a capture: of each tenth of a second, the last book."""
    return loaded("btcusdt")[:STATES]


@pytest.fixture(scope="module")
def events(captures, tape):
    """Return the books that every message of the capture led to, by another program's hand."""
    sides, found = (Ladder(+1), Ladder(-1)), []
    end = tape.time[-1].item()
    for data in (data for kind, _, data in messages(captures["btcusdt"]) if kind != "trade"):
        time = data["T"] * 1_000_000
        if time > end:
            break
        for side, name in zip(sides, "ba", strict=True):
            side.put([(float(p), round(1000 * float(q))) for p, q in data[name]])
        found.append((time, *([(p, q / 1000) for p, q in side.best()] for side in sides)))
    return found


def run(strategy, history, events):
    """Give every book and trade; return the signal of each kept state, and the entries."""
    table, begin, left = history.trades, 0, iter(events)
    columns = (table.time, table.price, table.size, table.side)
    prints = list(zip(*(column.tolist() for column in columns), strict=True))
    values, made, event = [], [], next(left)
    ends = (history.trade_ends - table.start).tolist()
    for time, end in zip(history.time.tolist(), ends, strict=True):
        newest = event
        while event is not None and event[0] <= time:
            newest = event
            strategy.on_book(*event)
            event = next(left, None)
        if hasattr(strategy, "on_trade"):
            for trade in prints[begin:end]:
                strategy.on_trade(*trade)
        begin = end
        assert newest[0] == time
        decision = strategy.decide(*newest)
        values.append(decision[2])
        if decision.enter:
            made.append((time, decision.enter))
    return np.array(values), made


@pytest.mark.parametrize("case", CASES, ids=lambda one: f"{one['signal']} {len(one)}"[:50])
def test_given_every_message_it_says_and_enters_as_the_settings_do(tape, events, case, tmp_path):
    settings = obi.Settings(**{"hold_seconds": 3.0} | case)
    # It is proved on the older half. On the newer one it is run as its user runs it.
    path = obi.export_strategy(tmp_path / "s.py", settings, tape[: STATES // 2])
    assert len(events) > 1.5 * len(tape)
    wanted = settings.signal(tape, settings)
    for queue in QUEUES if case.get("execution") else QUEUES[:1]:
        strategy = strategy_of(path)
        if case.get("execution"):
            strategy.queue = queue
        values, made = run(strategy, tape, events)
        if settings.signal is obi.order_flow_imbalance:
            np.testing.assert_array_equal(values, wanted)  # to the bit
        else:
            np.testing.assert_allclose(values, wanted, rtol=1e-9, atol=1e-9)
        trades = obi.entries(tape, settings, queue=queue)
        assert len(made) >= len(trades[trades["ended"] != "unfilled"]) > 3
        if not case.get("execution"):
            times = trades["entry_time"].astype("int64").tolist()
            assert made == list(zip(times, trades["side"].tolist(), strict=True))
    text = path.read_text()
    assert "import numpy" not in text
    assert "import obi_widgets" not in text
    for name, its in OF_FLOW.items():
        # The one name is a part of the other.
        wanted_here = name in settings.signal.name.replace("multi_level_", "multi_level_" * 2)
        if name == "order_flow_imbalance":
            wanted_here &= "multi_level" not in settings.signal.name
        assert (f"class {its}(" in text) == wanted_here


def test_books_that_are_withheld_make_another_signal(tape, events, tmp_path):
    """So the proof of the file on every message, above, can fail."""
    settings = obi.Settings(**CASES[0])
    strategy = strategy_of(obi.export_strategy(tmp_path / "s.py", settings, tape[:500]))
    kept = set(tape.time[:500].tolist())
    some = takewhile(lambda event: event[0] <= tape.time[499], events)
    values, _ = run(strategy, tape[:500], [event for event in some if event[0] in kept])
    wanted = settings.signal(tape[:500], settings)
    known = ~np.isnan(wanted)
    assert (values[known] != wanted[known]).mean() > 0.25


def test_gaps_and_empty_sides(tape, tmp_path):
    """Of a history of every event, each state is decided on."""
    random = np.random.default_rng(3)
    columns = [tape.prices(+1), tape.sizes(+1), tape.prices(-1), tape.sizes(-1)]
    columns = [column[:, :5].astype(float).round(3) for column in columns]
    for at in (200, 500, 501, 900):
        for column in columns:
            column[at] = np.nan
    for at in random.integers(0, STATES, 60):
        columns[2 * random.integers(2)][at] = np.nan
    history = obi.History.from_arrays(tape.time, *columns, every_event=True)
    for name, its in (
        ("order_flow_imbalance", {}),
        ("multi_level_order_flow_imbalance", {"rank": 3}),
    ):
        settings = obi.Settings(name, window=3, depth=5, threshold=0.5, hold_seconds=2, **its)
        path = obi.export_strategy(tmp_path / "s.py", settings, history)
        strategy = strategy_of(path)
        decided = [(time, strategy.decide(time, *sides)) for time, *sides in books(history)]
        values, wanted = [one[2] for _, one in decided], settings.signal(history, settings)
        np.testing.assert_allclose(values, wanted, rtol=1e-9, atol=1e-9)
        assert 90 < np.isnan(wanted).sum() < STATES / 2
        trades = obi.entries(history, settings)
        assert [(time, one.enter) for time, one in decided if one.enter] == list(
            zip(trades["entry_time"].astype("int64"), trades["side"], strict=True)
        )
        assert len(trades) > 5


def test_flow_adds_up_as_the_formula_says():
    random = np.random.default_rng(5)
    flow, sums, before = Flow(), [0] * FLOW_RANKS, None
    for _ in range(300):
        now = []
        for sign, middle in ((-1, 1000), (+1, 1001)):
            away = np.unique(random.integers(0, 14, random.integers(1, 13)))
            sizes = random.integers(1, 9, len(away))
            now.append(
                [(float(middle + sign * a), int(q)) for a, q in zip(away, sizes, strict=True)]
            )
        if before is not None:
            came = order_flow(before, [side[:FLOW_RANKS] for side in now])
            sums = [a + b for a, b in zip(sums, came, strict=True)]
        before = [side[:FLOW_RANKS] for side in now]
        for _ in range(2):  # the same book again adds nothing
            flow.add(*([(price, q / 1000) for price, q in side] for side in now))
        assert flow.sums == sums
    assert any(sums)
    # A book that ends and begins anew is no event.
    flow.add([], [])
    flow.add([(999.0, 5.0)], [(1001.0, 1.0)])
    assert flow.sums == sums


BIDS, ASKS = [(100.0, 1.0)], [(101.0, 1.0)]


@pytest.fixture
def strategy(tmp_path):
    settings = obi.Settings("order_flow_imbalance", window=10, threshold=1.0)
    history = obi.simulate(seconds=20, levels=2, seed=1)
    return strategy_of(obi.export_strategy(tmp_path / "s.py", settings, history))


def test_lost_books_make_sums_and_window_begin_anew(strategy):
    def at(second, size):
        return strategy.decide(START + second * SECOND, [(100.0, size)], ASKS)[2]

    assert math.isnan(at(0, 1.0))
    strategy.on_book(START + SECOND, [(99.0, 7.0)], ASKS)  # 1 went
    strategy.on_book(START + 2 * SECOND, BIDS, ASKS)  # and came again
    strategy.on_book(START + 3 * SECOND, [(100.0, 4.0)], [(101.0, 3.0)])  # 3 and 2 came
    assert at(10, 4.5) == 3.0 - 2.0 + 0.5 + 2.0  # at last 0.5 came, and 2 went
    strategy.lost()
    assert math.isnan(at(12, 50.0))
    assert math.isnan(at(21, 60.0))
    assert at(22, 61.0) == 11.0


@pytest.mark.parametrize(
    "book",
    [(START - 1, BIDS, ASKS), (1.5, BIDS, ASKS), (START, ASKS, BIDS), (START, [(100.0, 0.0)], ASKS),
     (START, [(100.0, 1.0), (100.5, 1.0)], ASKS), (START, "no book", ASKS)],
    ids=str,
)  # fmt: skip
def test_an_invalid_book_is_refused_and_changes_nothing(book, strategy):
    strategy.on_book(START, BIDS, ASKS)
    strategy.on_book(START, [(100.0, 3.0)], ASKS)
    with pytest.raises(ValueError, match=r"\w"):
        strategy.on_book(*book)
    assert strategy.flow.sums == [200_000]  # in lots of 0.00001
    strategy.on_book(START, BIDS, ASKS)
    assert strategy.flow.sums == [0]


def test_a_history_without_flow_is_refused(tape, tmp_path):
    history = obi.History.from_arrays(
        tape.time[:300], tape.prices(1)[:300], tape.sizes(1)[:300], tape.prices(-1)[:300],
        tape.sizes(-1)[:300],
    )  # fmt: skip
    with pytest.raises(obi.ObiError, match="knows its states, and not what happened between"):
        obi.export_strategy(tmp_path / "s.py", obi.Settings("order_flow_imbalance"), history)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("price >= old_price", "price > old_price", "its file adds up otherwise what changed"),
        ("[0] <= time_ns - self._window", "[0] < time_ns - 2 * self._window", "in state"),
    ],
)
def test_a_file_that_counts_otherwise_is_not_written(
    right, wrong, said, tape, tmp_path, monkeypatch
):
    other = tmp_path / "flow.py"
    text = Path(plain_flow.__file__).read_text(encoding="utf-8")
    assert text.count(right) == 1
    other.write_text(text.replace(right, wrong))
    monkeypatch.setattr("obi_widgets.strategy.variants.FLOW", other)
    with pytest.raises(
        obi.ObiError, match=f"The signal order_flow_imbalance cannot be exported: {said}"
    ):
        obi.export_strategy(tmp_path / "s.py", obi.Settings(**CASES[0]), tape[:1000])
    assert not (tmp_path / "s.py").exists()
