"""Post-only entries: as the rules say, on random tapes; appended as whole; compiled as plain."""

from __future__ import annotations

import dataclasses
from importlib import import_module

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from kernel_tools import BOTH, use
from post_only_tools import each_by_one, reference, tapes

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.windows import frozen
from obi_widgets.trading import post_only, post_only_numpy
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.entries import Scanner, scan
from obi_widgets.trading.exits import NONE, Exits
from obi_widgets.trading.trade_list import COLUMNS

QUEUES = st.sampled_from(post_only.QUEUES)
POSTED = st.builds(
    Parameters,
    depth=st.just(1),
    decay=st.just(0.0),
    threshold=st.sampled_from([0.0, 0.3, 0.5, 0.8]),
    hold_seconds=st.sampled_from([0.1, 0.2, 0.35, 1.0]),
    execution=st.just("post_only"),
    wait_seconds=st.sampled_from([0.1, 0.2, 0.5, 1.0]),
    fee_bps=st.just(5.0),
    maker_fee_bps=st.sampled_from([-1.0, 2.0]),
    latency_ms=st.sampled_from([0.0, 0.0, 1.0, 50.0, 100.0, 400.0]),
    size=st.sampled_from([None, None, 0.5, 2.0, 3.0]),
)


def as_lists(made):
    """Return what `reference` does."""
    ends = np.select(
        [made.exit_time > 0, made.lost, made.missed], ["held", "gap", "unfilled"], "open"
    )
    columns = (
        made.side, made.entry_time, made.entry_price, made.exit_time, made.exit_price,
        np.where(made.exit_time > 0, made.fees_bps, np.nan), ends,
    )  # fmt: skip
    return [list(one) for one in zip(*(column.tolist() for column in columns), strict=True)]


@pytest.mark.slow
@settings(max_examples=500)
@given(tape=tapes(), parameters=POSTED, queue=QUEUES)
def test_random_tapes(tape, parameters, queue):
    signal = obi.imbalance(tape, parameters)
    made = as_lists(scan(tape, decisions(tape, signal, parameters), parameters, 0, None, queue))
    wanted = reference(tape, signal, parameters, queue)
    for one in wanted:
        one[5] = np.nan if one[5] is None else one[5]
    np.testing.assert_equal(made, wanted)


@settings(max_examples=200)
@given(tape=tapes(), parameters=POSTED, queue=QUEUES, cuts=st.lists(st.integers(1, 40), max_size=8))
def test_appended_to_the_same_as_whole(tape, parameters, queue, cuts):
    signal = obi.imbalance(tape, parameters)
    pieces, whole = Scanner(parameters, queue), Scanner(parameters, queue)
    for cut in [*sorted(cuts), len(tape)]:
        pieces.extend(tape[:cut], signal[:cut])
        pieces.trades(tape[:cut])
    whole.extend(tape, signal)
    same(pieces.trades(tape), whole.trades(tape))


def same(got, wanted):
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name))
    assert got.held == wanted.held


@pytest.mark.slow
@settings(max_examples=200)
@given(tape=tapes(), parameters=POSTED, queue=QUEUES, start=st.integers(1, 30))
def test_dropped_states_do_not_change_what_is_entered_later(tape, parameters, queue, start):
    """A session forgets its oldest states once nothing depends on them."""
    signal = obi.imbalance(tape, parameters)
    pieces, whole = Scanner(parameters, queue), Scanner(parameters, queue)
    whole.extend(tape, signal)
    for cut in range(1, len(tape) + 1):
        pieces.extend(tape[:cut], signal[:cut])
        held = pieces.trades(tape[:cut]).held
        if cut >= start and (held is None or held.decided is None):
            break
    else:
        return
    pieces.extend(tape[cut:], signal[cut:])
    made = pieces.trades(tape[cut:])
    wanted = whole.trades(tape[cut:])
    same(made, wanted)


@settings(max_examples=200)
@given(tape=tapes(), parameters=POSTED, row=st.integers(0, 39), side=st.sampled_from([+1, -1]))
def test_the_bounds_are_bounds(tape, parameters, row, side):
    """What is filled last in the queue is filled first in it, at that state or before."""
    row = min(row, len(tape) - 1)
    found = {}
    for queue in post_only.QUEUES:
        market = post_only.market(tape, parameters, queue)
        price = (tape.bid if side > 0 else tape.ask)[row]
        if not tape.bid[row] < tape.ask[row]:
            return
        found[queue] = post_only_numpy.offer(*market, row, side, price, float(market[2].sizes[0]))
    back, front = found["back"], found["front"]
    if back[0] == post_only_numpy.FILLED:
        assert front[0] == post_only_numpy.FILLED
        assert front[1] <= back[1]
    elif front[0] != post_only_numpy.FILLED:
        assert front == back


# -- compiled ----------------------------------------------------------------------------------


def by(monkeypatch, code, *arguments):
    use(monkeypatch, code)
    history, signal, parameters, *rest = arguments
    return scan(history, decisions(history, signal, parameters), parameters, *rest)


@given(tape=tapes(), parameters=POSTED, queue=QUEUES)
def test_compiled_the_same_as_plain(tape, parameters, queue):
    signal = obi.imbalance(tape, parameters)
    with pytest.MonkeyPatch.context() as patch:
        plain = by(patch, "numpy", tape, signal, parameters, 0, None, queue)
    with pytest.MonkeyPatch.context() as patch:
        same(by(patch, "numba", tape, signal, parameters, 0, None, queue), plain)


EXECUTIONS = (
    {}, {"latency_ms": 120.0}, {"size": 2.0, "wait_seconds": 20.0}, {"wait_seconds": 0.3},
)  # fmt: skip


@pytest.mark.parametrize("execution", EXECUTIONS, ids=str)
@pytest.mark.parametrize("queue", post_only.QUEUES)
def test_compiled_the_same_as_plain_on_a_capture(history, execution, queue, monkeypatch):
    p = Parameters(execution="post_only", hold_seconds=3.0, **execution)
    signal = obi.imbalance(history, p)
    plain = by(monkeypatch, "numpy", history, signal, p, 0, None, queue)
    ours = by(monkeypatch, "numba", history, signal, p, 0, None, queue)
    same(ours, plain)
    assert (ours.exit_time > 0).any()


@BOTH
@given(tape=tapes(), parameters=POSTED, queue=QUEUES, data=st.data())
def test_many_orders_as_each_of_them_alone(code, tape, parameters, queue, data):
    drawn = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    whole = np.flatnonzero(tape.bid < tape.ask)
    rows = np.sort(drawn.choice(whole, drawn.integers(len(whole) + 1), replace=False))
    early = drawn.choice([0, 0, 0, 1, 2], (2, len(tape))).astype(np.int8)
    exits = Exits(*early, np.array([10e-4]), 15e-4) if data.draw(st.booleans()) else NONE
    books, prints, rules = post_only.market(tape, parameters, queue)
    if data.draw(st.booleans()):  # sizes, prices and stops by grade
        rules = rules._replace(sizes=np.linspace(0.5, 3.0, 11))
        away = np.arange(11)[:, None]
        books = books._replace(buy=frozen(books.buy + away), sell=frozen(books.sell - away))
        exits = exits._replace(stops=np.linspace(0, 2e-3, 11))
    asked = (
        books, prints, rules, rows, drawn.choice([-1, 1], len(rows)).astype(np.int8),
        np.array([0, 100, 350, 2000]) * 1_000_000, exits,
        drawn.integers(0, 11, len(rows)).astype(np.int8),
    )  # fmt: skip
    shape = (4, len(rows))
    empty = np.full(shape, np.nan), np.zeros(shape, bool), np.full(shape, -1)
    got, wanted = ([one.copy() for one in empty] for _ in range(2))
    each_by_one(*asked, *wanted)
    import_module(f"{post_only.__name__}_{code}").each(*asked, *got)
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_fill_is_known_early(history):
    """Trades and states that come after a fill do not change it."""
    p = Parameters(execution="post_only", hold_seconds=3.0, latency_ms=120.0)
    signal = obi.imbalance(history, p)
    for queue in post_only.QUEUES:
        whole = scan(history, decisions(history, signal, p), p, 0, None, queue)
        for at in range(0, len(whole.side), 7):
            until = int(np.searchsorted(history.time, whole.entry_time[at], "right"))
            known = history[:until]
            part = scan(known, decisions(known, signal[:until], p), p, 0, None, queue)
            assert part.entry_time[at] == whole.entry_time[at]
            assert part.missed[at] == whole.missed[at]


def test_thinned_states_have_the_fills_of_every_trade(captures):
    """At an interval of a second the trades between are looked at, one by one."""
    thin = obi.load(captures["btcusdt"], interval=1.0)
    p = Parameters(execution="post_only", hold_seconds=5.0)
    found = decisions(thin, obi.imbalance(thin, p), p)
    made = {q: scan(thin, found, p, 0, None, q) for q in post_only.QUEUES}
    filled = {q: np.mean(~one.missed[~one.lost]) for q, one in made.items()}
    assert 0 < filled["back"] < filled["front"] < 1


# -- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".toml", ".json"])
def test_a_file_keeps_them(tmp_path, ending):
    given = obi.Settings(execution="post_only", wait_seconds=2.5, maker_fee_bps=-0.5)
    assert obi.Settings.load(given.save(tmp_path / f"settings{ending}")) == given
    assert given != obi.Settings()


def test_a_taker_has_none_of_them():
    p = obi.Settings().parameters
    assert (p.execution, p.wait_seconds, p.maker_fee_bps) == ("taker", 5.0, 2.0)
    assert not {"execution", "wait_seconds", "maker_fee_bps"} & set(p.as_table())
    assert {one.name for one in dataclasses.fields(p)} >= {"execution", "wait_seconds"}


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("execution", "maker", "Give 'taker' or 'post_only'."),
        ("wait_seconds", 0, "Give a number from 0.1 to 3600 seconds."),
        ("maker_fee_bps", 2000, "Give a number from -100 to 1000 bps."),
    ],
)
def test_what_is_not_possible(name, value, advice):
    with pytest.raises(SettingsError) as error:
        obi.Settings(**{name: value})
    assert str(error.value).endswith(advice)
