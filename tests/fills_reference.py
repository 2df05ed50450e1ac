"""The rules of fills in plain Python: one order after another, state by state."""

from __future__ import annotations

import math

import obi_widgets as obi

NAN = math.nan


def reference(history, settings, execution):
    """Return one dict for each order; times in ns, None if there is no such time."""
    return _Reference(history, settings).run(execution)


class _Reference:
    def __init__(self, history, settings):
        self.settings = settings
        self.time, self.bid, self.ask = (
            column.tolist() for column in (history.time, history.bid, history.ask)
        )
        self.levels = {
            side: [
                {round(p / history.tick_size): q for p, q in zip(*row, strict=True) if p == p}
                for row in zip(
                    history.prices(side).tolist(), history.sizes(side).tolist(), strict=True
                )
            ]
            for side in (+1, -1)
        }
        self.signal = obi.imbalance(history, settings).tolist()
        self.tick_size = history.tick_size

    def lost(self, row):
        return math.isnan(self.bid[row]) and math.isnan(self.ask[row])

    def run(self, execution):
        if isinstance(execution, obi.Taker):
            return self.taken(execution)
        made, row = [], 0
        while row < len(self.time):
            if not abs(self.signal[row]) > self.settings.threshold:
                row += 1
                continue
            side = 1 if self.signal[row] > 0 else -1
            order = {
                "side": side, "decision_time": self.time[row], "entry_time": None,
                "entry_price": NAN, "exit_time": None, "exit_price": NAN, "gross_bps": NAN,
                "net_bps": NAN, "ended": "unfilled", "filled": 0.0,
            }  # fmt: skip
            made.append(order)
            status, at, now, price = self.send(execution, row, self.time[row], side)
            order["status"] = status
            if status in ("gap", "open"):
                order["ended"], order["filled"] = status, NAN
            if status == "filled":
                order.update(entry_time=now, entry_price=price, filled=1.0)
                status, at, left, out, fee = self.leave(execution, at, now, side)
                order["ended"] = status
                if status == "held":
                    gross = side * (out / price - 1) * 1e4
                    order.update(exit_time=left, exit_price=out, gross_bps=gross)
                    order["net_bps"] = gross - execution.fee_bps - fee
                    now = left
            if status == "open":
                break
            if status == "gap":
                row = at
                continue
            # The first state from when it knows, and not the one that it has just decided at.
            at = max(at, row + (status != "held"))
            while at < len(self.time) and self.time[at] < now:
                at += 1
            row = at
        return made

    def taken(self, taker):
        """A taker's orders: each meets the first state at or after its arrival."""
        latency, made, row = round(taker.latency * 1e9), [], 0
        hold = round(self.settings.hold_seconds * 1e9)
        while row < len(self.time):
            if not abs(self.signal[row]) > self.settings.threshold:
                row += 1
                continue
            side = 1 if self.signal[row] > 0 else -1
            touch = self.ask if side > 0 else self.bid
            order = {
                "side": side, "decision_time": self.time[row], "entry_time": None,
                "entry_price": NAN, "exit_time": None, "exit_price": NAN, "gross_bps": NAN,
                "net_bps": NAN, "ended": "open", "filled": NAN, "status": "open",
            }  # fmt: skip
            made.append(order)
            at = self.until(row, self.time[row] + latency, whole=False)
            if at == len(self.time):
                break
            if self.lost(at):
                order.update(ended="gap", status="gap")
                row = at
                continue
            away = side * (touch[at] - touch[row]) / touch[row] * 1e4
            allowed = math.inf if taker.slippage_bps is None else taker.slippage_bps
            if not away <= allowed + 1e-9:
                order.update(ended="unfilled", status="cancelled", filled=0.0)
                row = at + (at == row)
                continue
            order.update(status="filled", filled=1.0, entry_time=self.time[at])
            order["entry_price"] = touch[at]
            due = self.until(at, self.time[at] + hold)
            end = due
            if due < len(self.time) and not self.lost(due):
                end = self.until(due, self.time[due] + latency)
            if end == len(self.time):
                break
            if self.lost(end):
                order["ended"] = "gap"
                row = end
                continue
            out = (self.bid if side > 0 else self.ask)[end]
            gross = side * (out / touch[at] - 1) * 1e4
            order.update(exit_time=self.time[end], exit_price=out, ended="held", gross_bps=gross)
            order["net_bps"] = gross - 2 * taker.fee_bps
            row = end
        return made

    def until(self, row, time, *, whole=True):
        """The first state from one on at or after a time, with both sides; or a gap before it."""
        while row < len(self.time):
            if self.lost(row):
                return row
            if self.time[row] >= time and (not whole or self.bid[row] < self.ask[row]):
                return row
            row += 1
        return row

    def send(self, order, row, now, direction):
        """Return status, the state that stands then, the time, and the price."""
        arrival = now + round(order.latency * 1e9)
        at = row
        if order.latency:
            while at + 1 < len(self.time) and self.time[at + 1] <= arrival:
                at += 1
                if self.lost(at):
                    return "gap", at, None, NAN
            if at + 1 == len(self.time):
                return "open", at, None, NAN
        if isinstance(order, obi.Maker):
            return self.post(order, row, at, arrival, direction)
        touches = self.ask if direction > 0 else self.bid
        first = at
        while at < len(self.time) and not self.bid[at] < self.ask[at]:
            if self.lost(at):
                return "gap", at, None, NAN
            at += 1
        if at == len(self.time):
            return "open", at, None, NAN
        return "filled", at, arrival if at == first else self.time[at], touches[at]

    def post(self, order, row, at, arrival, direction):
        mine = (self.bid if direction > 0 else self.ask)[row]
        other = self.ask if direction > 0 else self.bid
        if math.isnan(mine) or direction * other[at] <= direction * mine:
            return "rejected", at, arrival, NAN
        expiry = arrival + round(order.timeout * 1e9)
        while True:
            if at + 1 == len(self.time):
                return "open", at, None, NAN
            if self.time[at + 1] > expiry:
                return "expired", at, expiry, NAN
            at += 1
            if self.lost(at):
                return "gap", at, None, NAN
            through = direction * other[at] <= direction * mine
            if through or (order.queue == "front" and self.gave_way(at, mine, direction)):
                return "filled", at, self.time[at], mine

    def gave_way(self, at, mine, direction):
        """Less at the price where a trade would reach us first, or nothing as good as it."""
        before, after = (self.levels[direction][state] for state in (at - 1, at))
        if not before:
            return False
        mine = round(mine / self.tick_size)
        best = max(before, key=lambda tick: direction * tick)
        reached = min(mine, best, key=lambda tick: direction * tick)
        if not after:
            return True
        best_now = max(after, key=lambda tick: direction * tick)
        if direction * best_now < direction * reached:
            return True
        return best_now == reached and after[reached] < before.get(reached, 0)

    def leave(self, order, row, entered, side):
        """Return status, state, time, price and fee of the exit."""
        due = entered + round(self.settings.hold_seconds * 1e9)
        at = row
        while at < len(self.time):
            if at > row and self.lost(at):
                return "gap", at, None, NAN, NAN
            if self.time[at] >= due and self.bid[at] < self.ask[at]:
                break
            at += 1
        else:
            return "open", at, None, NAN, NAN
        now = self.time[at]
        while True:
            order = order.closing
            status, at, now, price = self.send(order, at, now, -side)
            if status not in ("expired", "rejected"):
                return "held" if status == "filled" else status, at, now, price, order.fee_bps
