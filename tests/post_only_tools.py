"""Tapes with trades, worked by hand or at random, and post-only orders as the rules say them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from history_tools import NAN, SECOND, early
from hypothesis import strategies as st

from obi_widgets.history.trades import Trades
from obi_widgets.trading import post_only_numpy

GAP = (NAN, NAN, NAN, NAN)


def with_trades(history, prints, *, decimals=3):
    """Return a history with trades: (seconds, price, size, side), or also seconds of receipt."""
    rows = [(*one, one[0])[:5] for one in prints]
    times = [[round(one[at] * SECOND) for one in rows] for at in (0, 4)]
    factor = 10**decimals
    trades = Trades(
        np.array([*times, range(len(rows))], np.int64),
        np.array(
            [
                [round(one[1] * factor) for one in rows],
                [round(one[2] * factor) * one[3] for one in rows],
            ],
            np.int32,
        ).reshape(2, len(rows)),
        decimals,
        decimals,
    )
    return replace(
        history, trades=trades, trade_ends=np.searchsorted(trades.received, history.received)
    )


def tape(states, prints, *, tick=1.0, decimals=3):
    """Return a history of one level: states are (seconds, bid, size, ask, size)."""
    time, *columns = map(np.array, zip(*states, strict=True))
    time = np.round(time * SECOND).astype(np.int64)
    columns = [column[:, None].astype(float) for column in columns]
    made = early(time, *columns, tick_size=tick)
    # A trade that is received at a state belongs to the next; here each comes between two.
    return with_trades(made, prints, decimals=decimals)


# -- at random ---------------------------------------------------------------------------------

STATE = st.tuples(
    st.sampled_from([1, 10, 50, 90, 100, 100, 350]),  # ms since the last
    st.sampled_from(["both"] * 12 + ["gap", "bid", "ask"]),
    st.sampled_from([-1, 0, 0, 0, 0, 1]),  # ticks that the bid moves
    st.sampled_from([1, 1, 2]),  # ticks of spread
    st.sampled_from([0.5, 1.0, 2.0, 9.0]),
    st.sampled_from([0.5, 1.0, 2.0, 9.0]),
)
PRINT = st.tuples(
    st.integers(0, 1000),  # of the span of the states
    st.sampled_from([-1, 0, 0, 0, 0, 1]),  # ticks from the touch that the taker meets
    st.sampled_from([0.5, 1.0, 2.5, 9.0]),
    st.sampled_from([+1, -1]),
    st.sampled_from([0, 0, 0, 40]),  # ms from then to its receipt
)


@st.composite
def tapes(draw):
    """Return a history of one level, with trades near its touch."""
    states, bid, now = [], 1000, 1.0
    for gap, kind, move, spread, left, right in draw(st.lists(STATE, min_size=1, max_size=40)):
        now, bid = now + gap / 1000, bid + move
        buys = (bid, left) if kind in ("both", "bid") else (NAN, NAN)
        sells = (bid + spread, right) if kind in ("both", "ask") else (NAN, NAN)
        states.append((now, *buys, *sells))
    last = {+1: 1001.0, -1: 1000.0}
    prints = [(0.5, 1000.0, 1.0, +1, 0.5)]  # so that it has trades, however it is cut
    for at, away, size, side, late in sorted(draw(st.lists(PRINT, max_size=40))):
        time = round(1.0 + at / 1000 * (now - 1.0), 3) + 0.0005
        for state in states:
            if state[0] < time:
                last = {+1: state[3], -1: state[1]}
        price = last[side] + side * away
        if not math.isnan(price):
            prints.append((time, price, size, side, time + late / 1000))
    prints.sort(key=lambda one: one[4])
    return tape(states, prints)


def reference(history, signal, p, queue):
    """Return a list an entry: side, entry time and price, exit time and price, fees, its end.

    A state machine over lists, with whole numbers of halves as sizes.
    """
    time, bid, ask = (column.tolist() for column in (history.time, history.bid, history.ask))
    sizes = {side: history.sizes(side)[:, 0].tolist() for side in (+1, -1)}  # of one level
    touch = {+1: bid, -1: ask}
    trades = history.trades
    tables = (trades.time, trades.price, trades.size, trades.side)
    prints = list(zip(*(one.tolist() for one in tables), strict=True))
    begins = [0, *history.trade_ends.tolist()]
    latency, wait, hold = (
        round(s * 1e6) for s in (p.latency_ms, 1e3 * p.wait_seconds, 1e3 * p.hold_seconds)
    )
    made, order, position = [], None, None

    def send(kind, row, side):
        nonlocal order
        price = None if kind == "take" else touch[side][row]
        order = {"kind": kind, "side": side, "price": price, "at": time[row] + latency}

    def passed(row):
        """Whether the order is filled by what came since the state before, or by this state."""
        side, price = order["side"], order["price"]
        own_side = -side  # of a taker who would meet it
        for when, paid, size, taker in prints[begins[row] : begins[row + 1]]:
            if not order["from"] < when < order["until"]:
                continue
            worse = side * (price - paid)
            if worse > 0 or (worse == 0 and taker == side):
                return True
            if worse == 0 and taker == own_side:
                if queue == "back" and when <= time[row - 1]:
                    continue
                ahead = min(order["ahead"], size)
                order["ahead"] -= ahead
                order["mine"] -= size - ahead
                if order["ahead"] == 0 and size > ahead and order["mine"] <= 0:
                    return True
        beyond = side * (touch[-side][row] - price)
        return beyond <= 0 and time[row] < order["until"]

    def standing(row):
        side, price = order["side"], order["price"]
        best = touch[side][row]
        if best == price:
            return sizes[side][row]
        return 0.0 if side * best < side * price else math.inf

    def enter(row, price):
        nonlocal position, order
        position = {"side": order["side"], "in": time[row], "at": price, "due": time[row] + hold}
        order = None

    def leave(row, price, fee):
        nonlocal position, order
        made.append(
            [position["side"], position["in"], position["at"], time[row], price,
             p.maker_fee_bps + fee, "held"]
        )  # fmt: skip
        position = order = None

    def give_up(row):
        nonlocal order
        if position is None:
            made.append([order["side"], time[row], NAN, 0, NAN, None, "unfilled"])
            order = None
        else:
            send("take", row, order["side"])

    def arrive(row):
        side, price = order["side"], order["price"]
        if order["kind"] == "take":
            if bid[row] < ask[row]:
                leave(row, touch[-side][row], p.fee_bps)
        elif side * (touch[-side][row] - price) <= 0:
            give_up(row)
        else:
            order.update({"from": time[row], "until": time[row] + wait, "mine": p.size or 0.0})
            order["ahead"] = standing(row) if queue == "back" else 0.0

    for row, now in enumerate(time):
        whole = bid[row] < ask[row]
        if math.isnan(bid[row]) and math.isnan(ask[row]):
            if position:
                made.append([position["side"], position["in"], position["at"], 0, NAN, None, "gap"])
            elif order:
                made.append([order["side"], now, NAN, 0, NAN, None, "gap"])
            order = position = None
            continue
        if order and "until" in order:
            if passed(row):
                if position:
                    leave(row, order["price"], p.maker_fee_bps)
                else:
                    enter(row, order["price"])
            elif now >= order["until"]:
                give_up(row)
            elif queue == "back":
                order["ahead"] = min(order["ahead"], standing(row))
        if position and not order and whole and now >= position["due"]:
            send("post", row, -position["side"])
        if order and "until" not in order and now >= order["at"]:
            arrive(row)
        if not position and not order and whole and abs(signal[row]) > p.threshold:
            send("post", row, 1 if signal[row] > 0 else -1)
            if not latency:
                arrive(row)
    if position:
        made.append([position["side"], position["in"], position["at"], 0, NAN, None, "open"])
    return made


def each_by_one(books, prints, rules, rows, sides, holds, exits, grades, gross, maker, left):
    """Follow single orders one after the other; as `post_only_numpy.each`."""
    for n, (row, side, grade) in enumerate(
        zip(rows.tolist(), sides.tolist(), grades.tolist(), strict=True)
    ):
        size = float(rules.sizes[min(grade, len(rules.sizes) - 1)])
        entry = float((books.bid if side > 0 else books.ask)[row])
        market = books, prints, rules
        outcome, filled = post_only_numpy.offer(*market, row, side, entry, size)
        if outcome != post_only_numpy.FILLED:
            continue
        for h, hold in enumerate(holds.tolist()):
            until = int(books.time[filled]) + hold
            outcome, at, _ = post_only_numpy.due(
                books, exits, filled + 1, until, side, entry, grade
            )
            if outcome != post_only_numpy.FILLED:
                continue
            outcome, end, price, by_maker = post_only_numpy.leave(*market, at, side, grade)
            if outcome == post_only_numpy.FILLED:
                gross[h, n] = side * (price / entry - 1) * 1e4
                maker[h, n], left[h, n] = by_maker, end
