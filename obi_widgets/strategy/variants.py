"""What of the template is another for another signal, threshold, rule, exit, size or execution.

The template is a strategy by the imbalance that takes at the touch. Its texts are replaced, and
sections of other files are put behind it. A text that the template does not have is an error.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from obi_widgets.signals.imbalance import imbalance
from obi_widgets.strategy.signal_texts import (
    DECIDE,
    FORGET,
    FORGETS_SIGNAL,
    KEEPS_SIGNAL,
    LOST,
    NEW,
    OF_GAPS,
    OTHER_SIGNAL,
    SIZES_ARE,
    TAKES_FLOW,
    TAKES_TRADES,
    TAKES_TRADES_POSTED,
    laid_out,
    of_past,
)
from obi_widgets.strategy.written_gates import CONFLICT
from obi_widgets.trading.declared import BEYOND, STRENGTH, leaves_early
from obi_widgets.trading.exits import EDGE as STOP_EDGE
from obi_widgets.trading.sizing import graded, sized

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.strategy.signal import Written

TRANSFORMS = Path(__file__).with_name("transforms.py")
TRAILING_QUANTILE = Path(__file__).with_name("trailing_quantile.py")
ENTRY_RULE = Path(__file__).with_name("entry_rule.py")
EARLY_EXITS = Path(__file__).with_name("early_exits.py")
PLACE = Path(__file__).with_name("place.py")
GATES = Path(__file__).with_name("plain_gates.py")
CAPPED_ENTRIES = Path(__file__).with_name("capped_entries.py")
BY_STRENGTH = Path(__file__).with_name("by_strength.py")
TRADES = Path(__file__).with_name("plain_trades.py")
FLOW = Path(__file__).with_name("plain_flow.py")
CYCLES = Path(__file__).with_name("plain_cycles.py")
BOOKS = Path(__file__).with_name("books.py")
POSTED = Path(__file__).with_name("posted.py")

OF_IMBALANCE = "# -- the imbalance -"
"""First line of the template's last section."""

MAKE = '''
def make_signal({}) -> {}:
    """Return the signal without any past."""
    return {}
'''
"""The end of a file with another signal than the imbalance."""

MAKE_GATES = '''
def make_gates() -> {0}:
    """Return the gates without any past."""
    return {0}(
        {1},
    )
'''
"""The end of a file with gates."""

PART_CARD = "# -- the signal card_direction -"
"""First line of the section of the cycles that only the signal needs."""

PART_IMBALANCE = "# -- an imbalance that is a part -"
"""First line of the section of the transforms that only an imbalance needs."""

KNOWN = "        whole = bool(bids and asks) and bids[0][0] < asks[0][0]\n"
QUANTILE = "        quantile = self._quantile.update(time_ns, value)\n"

OF_QUANTILES = (
    (NEW, f"{NEW}        self._quantile = TrailingQuantile()\n"),
    (LOST, f"{LOST}        self._quantile = TrailingQuantile()\n"),
    (KNOWN, KNOWN + QUANTILE),
    ("abs(value) > THRESHOLD", "abs(quantile) > THRESHOLD"),
    ("self._entering = 1 if value > 0", "self._entering = 1 if quantile > 0"),
)
"""Texts of the template, and their replacements for a threshold that is a quantile."""


def of_rules(what: str, after: str) -> tuple[tuple[str, str], ...]:
    """Return texts of the template, and their replacements for entries at some states beyond.

    ``what`` is compared with the threshold, and is known after the line ``after``.
    """
    return (
        (NEW, f"{NEW}        self._rule = EntryRule()\n"),
        (LOST, f"{LOST}        self._rule = EntryRule()\n"),
        (after, f"{after}        may_enter = self._rule.update(time_ns, {what})\n"),
        (f"abs({what}) > THRESHOLD", "may_enter"),
    )


def of_gates(
    what: str, after: str, begins: str, *, ruled: bool, last: bool
) -> tuple[tuple[str, str], ...]:
    """Return texts of the template, and their replacements for entries that gates may forbid.

    ``begins`` is what lets an entry begin without them; with a rule it stands there already. Of
    gates that ``last``, some go on after a gap.
    """
    forget = "self.gates.lose(time_ns, make_gates())" if last else "self.gates = make_gates()"
    update = "longs, shorts = self.gates.update(time_ns, bids, asks)"
    through = f"may_enter = {begins} and (longs if {what} > 0 else shorts)"
    lines = f"        {update}\n        {through}\n"
    said = (
        "An entry begins only where all gates are open. A gate that does not know yet is closed.\n"
        "Give {interval}, as when the settings were tuned: books are compared with those\n"
        "before. strategy.gates.open is what gates say now, to a long entry and to a short one."
        "\n\n"
    )
    return (
        (NEW, f"{NEW}        self.gates = make_gates()\n"),
        (LOST, f"{LOST}        {forget}\n"),
        *([] if ruled else [(f"abs({what}) > THRESHOLD", "may_enter")]),
        (after, after + lines),
        (SIZES_ARE, said + SIZES_ARE),
    )


PAID = (
    (
        "            self.position, self._due = side, now + HOLD_NS\n",
        "            self.position, self._due, self._paid = side, now + HOLD_NS, price\n",
    ),
)
PAID_POSTED = (
    (
        "                self.position, self._due = order.side, now + HOLD_NS\n",
        "                self.position, self._due = order.side, now + HOLD_NS\n"
        "                self._paid, self._exits.fresh = order.price, True\n",
    ),
)
"""Where an entry is filled, and the same with its price kept."""


ENDS = '''    def _ends(self, now: int, bids: Levels, asks: Levels) -> bool:
        """Return whether the position is left at this book."""
        if now >= self._due:
            return True
        return self._exits.end(self.position, self._paid, self.size, bids, asks)

'''
"""A method of a strategy with exits before the hold is over."""


def of_exits(what: str, after: str, condition: str) -> tuple[tuple[str, str], ...]:
    """Return texts of the template, and their replacements for exits before the hold is over.

    ``condition`` is what lets an entry begin.
    """
    ends = (
        f"        ends = self._exits.by_signal(1 if {what} > 0 else -1)\n"
        f"        may_enter = {condition} and not ends\n"
    )
    return (
        (NEW, f"{NEW}        self._exits, self._paid = EarlyExits(), 0.0\n"),
        (LOST, f"{LOST}        self._exits = EarlyExits()\n"),
        (f"whole and {condition}", "whole and may_enter"),
        (after, f"{after}        self._exits.update(time_ns, {what})\n{ends}"),
        ("whole and time_ns >= self._due", "whole and self._ends(time_ns, bids, asks)"),
        (FORGET, ENDS + FORGET),
    )


ONE_POSITION = (
    "    ``size`` is that of the newest entry, base units; None if the best level fills it.\n"
)
TAKES = "            self._arrival = time_ns + LATENCY_NS\n            orders.append(self._order("
POSTS = "            self._post(enter, time_ns, bids, asks, orders)\n"
"""Where an entry is decided: by a taker, and by a posted order."""


def of_strength(what: str, parameters: Parameters) -> tuple[tuple[str, str], ...]:
    """Return texts of the template, and their replacements for size and stop by strength."""
    lines = [f"weight = weight_of({what})"]
    begun: tuple[tuple[str, str], ...] = ()
    if sized(parameters):
        lines.append("self.weight = weight")
        if parameters.size is not None:
            lines.append(f"self.size = {parameters.size!r} * weight")
        told = "    ``weight`` is its share of the whole size.\n"
        begun = (
            (ONE_POSITION, ONE_POSITION + told),
            (NEW, f"{NEW}        self.weight = 1.0\n"),
        )
    if parameters.stop_by == STRENGTH:
        lines.append(f"self._exits.stop = ({parameters.stop_bps!r} * weight - {STOP_EDGE!r}) / 1e4")
    text = "".join(f"            {line}\n" for line in lines)
    decided = POSTS if parameters.execution == "post_only" else TAKES
    return (*begun, (decided, text + decided))


NO_ENTRY = "        enter = 0\n"
"""Where it begins to decide on an entry: what arrived has been executed."""


def of_cap(condition: str, parameters: Parameters) -> tuple[tuple[str, str], ...]:
    """Return texts of the template, and their replacements for a cap on entries within an hour.

    ``condition`` is what lets an entry begin without it.
    """
    side, indent, flying = "side", " " * 12, "self._entering"
    if parameters.execution == "post_only":
        side, indent, flying = "order.side", " " * 16, "self._posted is not None"
        flying += " and not self.position"
    filled = f'{indent}fills.append(Fill("entered", {side}, '
    lost = f"        if {flying}:  # the order may have been filled\n"
    said = "No entry begins while MOST_PER_HOUR positions were entered within the hour before.\n\n"
    return (
        (SIZES_ARE, said + SIZES_ARE),
        (NEW, f"{NEW}        self._cap = HourlyCap()\n"),
        (LOST, f"{lost}            self._cap.add(self._newest)\n{LOST}"),
        (NO_ENTRY, f"{NO_ENTRY}        has_room = self._cap.has_room(time_ns)\n"),
        (f"whole and {condition}", f"whole and has_room and {condition}"),
        (filled, f"{indent}self._cap.add(now)\n{filled}"),
    )


OF_POSTED = (
    (
        """An order meets the first book at or after its arrival, LATENCY_NS after its decision. """
        """An entry is
filled whole if no level that it needs is more than SLIPPAGE_BPS beyond the touch at its decision.
Otherwise it is cancelled, and never chased. An exit has no limit.
""",
        """Give it each trade as well, before the first book that was received after it:

    strategy.on_trade(time_ns, price, size, side)  # +1: the taker bought, -1: it sold

An order is posted at the touch of its own side. It meets the first book at or after its arrival,
LATENCY_NS after its decision, is refused if it would cross, and cancelled WAIT_NS later. An exit
is then sent again as a market order. Whether an order is filled depends on its place in the queue,
which is unknown: with strategy.queue = "back" the whole size at its price is ahead of it, with
"front" nothing. Both are bounds; your venue tells you which of your orders were filled.
""",
    ),
    ('``kind`` is "market", or "fill_or_kill":', '``kind`` is "market", or "post_only":'),
    (
        "at ``limit`` or better, whole or not at all. ``size``\n    is",
        "at ``limit``, cancelled after WAIT_NS. ``size``\n    is",
    ),
    (
        "        self._entering, self._leaving = 0, False\n        return",
        "        self._entering, self._leaving = 0, False\n"
        "        self._posted = None\n        return",
    ),
)
"""Texts of the template, and their replacements for posted orders."""


def with_posted(head: str, tail: str) -> tuple[str, str]:
    """Return the beginning and the end of a file for posted orders."""
    text = POSTED.read_text(encoding="utf-8")
    methods = text[text.index("    queue = ") : text.index("# -- posted orders -")]
    section = text[text.index("# -- posted orders -") :]
    begin, end, rest = tail.index(DECIDE), tail.index(FORGET), tail.index(OF_IMBALANCE)
    strategy = f"{tail[:begin]}    {methods.strip()}\n\n{tail[end:rest]}{section.strip()}"
    # The file evaluates annotations, so a class that is defined later in it is quoted.
    strategy = strategy.replace("Resting | None", '"Resting | None"')
    strategy = strategy.replace("order: Resting,", 'order: "Resting",')
    tail = f"{strategy}\n\n\n{tail[rest:]}"
    for old, new in OF_POSTED:
        if old not in head + tail:
            raise AssertionError(f"The template has no {old!r}.")
        head, tail = head.replace(old, new), tail.replace(old, new)
    return head, tail


def with_signal(
    head: str, tail: str, parameters: Parameters, history: History, written: Written
) -> tuple[str, str]:
    """Return the beginning and the end of the file for what the template does not have."""
    every = f"a book every {history.interval:g} s" if history.interval else "every book"
    needs = "numpy are" if written.functions else "its standard library are"
    title = textwrap.fill(f"The signal is {parameters.signal.name}.", 100)
    words = {"title": title, "needs": needs, "interval": every}
    strategy, rest = tail[: tail.index(OF_IMBALANCE)], tail[tail.index(OF_IMBALANCE) :]
    parts, quantile = [head, strategy], parameters.threshold_is == "quantile"
    ruled = parameters.entry_rule != BEYOND
    changes: tuple[tuple[str, str], ...]
    changes = OTHER_SIGNAL if parameters.signal is not imbalance else ()
    if written.trades or written.flow:
        changes += of_past(trades=bool(written.trades), flow=bool(written.flow))
        posted = parameters.execution == "post_only"
        takes = TAKES_TRADES_POSTED if posted else TAKES_TRADES
        changes += (takes if written.trades else ()) + (TAKES_FLOW if written.flow else ())
    elif parameters.signal is not imbalance:
        changes += KEEPS_SIGNAL if written.lasts else FORGETS_SIGNAL
    last = CONFLICT in written.gate_sections
    changes += OF_GAPS if written.lasts or last else ()
    changes += OF_QUANTILES if quantile else ()
    what, after = ("quantile", QUANTILE) if quantile else ("value", KNOWN)
    condition = f"abs({what}) > THRESHOLD"
    if ruled:
        changes += of_rules(what, after)
        condition, after = "may_enter", f"may_enter = self._rule.update(time_ns, {what})\n"
    if written.gates:
        changes += of_gates(what, after, condition, ruled=ruled, last=last)
        after = f"may_enter = {condition} and (longs if {what} > 0 else shorts)\n"
        condition = "may_enter"
    if leaves_early(parameters):
        changes += of_exits(what, after, condition)
        condition = "may_enter"
        changes += PAID_POSTED if parameters.execution == "post_only" else PAID
    if graded(parameters):
        changes += of_strength(what, parameters)
    if parameters.most_per_hour is not None:
        changes += of_cap(condition, parameters)
    for old, new in changes:
        if not any(old in part for part in parts):
            raise AssertionError(f"The template has no {old!r}.")
        parts = [part.replace(old, new.format(**words)) for part in parts]
    head, strategy = parts
    sources = [PLACE] if quantile or written.gates else []
    sources += [TRAILING_QUANTILE] if quantile else []
    sources += [ENTRY_RULE] if ruled else []
    sources += [CAPPED_ENTRIES] if parameters.most_per_hour is not None else []
    sources += [EARLY_EXITS] if leaves_early(parameters) else []
    sources += [BY_STRENGTH] if graded(parameters) else []
    sources += [CYCLES] if written.cycles else []
    sources += [TRANSFORMS] if written.transforms else []
    sources += [BOOKS] if written.functions else []
    texts = [path.read_text(encoding="utf-8") for path in sources]
    sections = [rest] if written.imbalances else []
    sections += [text[text.index("# -- ") :] for text in texts]
    sections += _of_parts(GATES, written.gate_sections) + _of_parts(TRADES, written.trades)
    sections += _of_parts(FLOW, written.flow)
    if not written.imbalances:
        sections = [one.partition(PART_IMBALANCE)[0] for one in sections]
    if not written.card:
        sections = [one.partition(PART_CARD)[0] for one in sections]
    sections += written.functions
    if written.expression:
        kind = "CardDirection" if written.lasts else "Callable[[int, Levels, Levels], float]"
        given = ["tape: list[Trade]"] * bool(written.trades) + ["flow: Flow"] * bool(written.flow)
        sections.append(MAKE.format(", ".join(given), kind, laid_out(written.expression)))
    if written.gates:
        kind = "LastingGates" if last else "Gates"
        sections.append(MAKE_GATES.format(kind, ",\n        ".join(written.gates)))
    body = "\n\n\n".join(one.strip("\n") for one in (strategy, *sections)) + "\n"
    begin, end = head.index("import math"), head.index("# -- constants")
    imports = [line for text in (head[begin:end], *texts) for line in text.splitlines()]
    named = [*filter(_is_import, imports), *written.imports]
    if "volatility" in written.gate_sections or written.trades or written.flow:
        named.append("from collections import deque")
    named += ["from decimal import Decimal"] if written.trades else []
    if (written.expression and not written.lasts) or written.gates:
        named.append("from collections.abc import Callable")
    return f"{head[:begin]}{_together(named)}\n\n{head[end:]}", body


def _of_parts(path: Path, names: list[str]) -> list[str]:
    """Return the first section of a file, and those of some names; none without names."""
    if not names:
        return []
    first, *others = path.read_text(encoding="utf-8").split("\n\n# -- ")[1:]
    named = {text.partition(" -")[0].rpartition(" ")[2]: text for text in others}
    return ["# -- " + text for text in (first, *(named[one] for one in names))]


def _is_import(line: str) -> bool:
    ours = ("from obi_widgets", "from __future__")
    return line.startswith(("import ", "from ")) and not line.startswith(ours)


def _together(lines: list[str]) -> str:
    """Return import lines as one block: each module once, Python's own before others."""
    plain = sorted({line for line in lines if line.startswith("import ")})
    own = [one for one in plain if one.split()[1].split(".")[0] in sys.stdlib_module_names]
    names: dict[str, set[str]] = {}
    for line in lines:
        if line.startswith("from "):
            module, _, given = line.removeprefix("from ").partition(" import ")
            names.setdefault(module, set()).update(given.split(", "))
    own += [f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names)]
    others = [one for one in plain if one not in own]
    return "\n".join([*own, *[""] * bool(others), *others])
