"""Texts of the template that are others for another signal, and their replacements."""

from __future__ import annotations

import ast

WIDTH = 100
"""The longest line of a file."""

DECIDE, FORGET = "    def decide(", "    def lost("
"""First and last method of the template; those between are replaced for posted orders."""

NEW = "        self._newest = EARLIEST\n"
LOST = "        position, self.position = self.position, 0\n"
"""Lines of the template where a strategy begins, and where it forgets its past."""

VALUE = "value = self._signal(time_ns, bids, asks)"
"""Where a strategy takes the value of another signal."""

OTHER_SIGNAL = (
    (
        "An order-book-imbalance strategy: takes books, and says when to enter and when to exit.\n",
        "A strategy by a signal: takes books, and says when to enter and when to exit.\n\n"
        "{title}\n",
    ),
    ("Python 3.10 and its standard library are\nenough.", "Python 3.10 and {needs}\nenough."),
    (
        "Of each side the best LEVELS levels are used, as when the settings were tuned. Where DEPTH"
        " or\nBAND_BPS reach beyond them the imbalance is unknown: NaN, which makes no entry.\n",
        "Of each side the best LEVELS levels are used. Give {interval}, as when the settings were\n"
        "tuned: the signal may depend on how often books come. Until its look-back is full, it is\n"
        "unknown: NaN, which makes no entry.\n",
    ),
    (
        "``imbalance`` is in -1..+1, + is more bids; NaN without bids or asks in the band, and "
        "where\n    depth or band reach beyond the levels that are used.\n",
        "``signal`` is + for a rise; NaN where it is unknown.\n",
    ),
    ("    imbalance: float\n", "    signal: float\n"),
    ("value = imbalance(bids, asks)", VALUE),
)
"""Texts of the template, and their replacements for another signal."""

FORGETS_SIGNAL = (
    (NEW, f"{NEW}        self._signal = make_signal()\n"),
    (LOST, f"{LOST}        self._signal = make_signal()\n"),
)
KEEPS_SIGNAL = (FORGETS_SIGNAL[0], (LOST, f"{LOST}        self._signal.lose(time_ns)\n"))
"""Where a signal begins, and where it forgets its past, or goes on after a gap."""

SIZES_ARE = "Sizes are in base units (contracts times contract size), times are the venue's.\n"
"""A line of the template before which more may be told."""


TAPE = "        self._tape: list[Trade] = []  # trades since the newest book\n"
FLOW = "        self.flow = Flow()\n"


def of_past(*, trades: bool, flow: bool) -> tuple[tuple[str, str], ...]:
    """Return texts of the template, and their replacements for a signal of trades or of flow."""
    given = ", ".join(["self._tape"] * trades + ["self.flow"] * flow)
    makes = f"        self._signal = make_signal({given})\n"
    cleared, emptied = "        self._tape.clear()\n" * trades, "self.flow.sums = [0] * FLOW_RANKS"
    line = " " * 8
    took = ["self.flow.add(bids, asks)"] * flow + [VALUE]
    took += ["self._tape.clear()"] * trades + [emptied] * flow
    return (
        (NEW, NEW + TAPE * trades + FLOW * flow + makes),
        (LOST, LOST + cleared + FLOW * flow + makes),
        (VALUE, f"\n{line}".join(took)),
    )


TAKES_FLOW = (
    (
        SIZES_ARE,
        """Order flow is summed over every change of the book. Give the books on which nothing is
decided too, as they come, each with at least FLOW_RANKS levels a side if there are so many:

    strategy.on_book(time_ns, bids, asks)

"""
        + SIZES_ARE,
    ),
    (
        DECIDE,
        """    def on_book(self, time_ns: int, bids: Levels, asks: Levels) -> None:
        \"""Take a book on which nothing is decided. A side without orders is empty.

        Raises BookError for an invalid book or time.
        \"""
        check(time_ns, self._newest, bids, asks)
        self._newest = time_ns
        self.flow.add(bids, asks)

"""
        + DECIDE,
    ),
)
"""Where a strategy takes books for its signal of order flow."""

TAKES_TRADES = (
    (
        SIZES_ARE,
        """Give it each trade as well, before the first book that was received after it:

    strategy.on_trade(time_ns, price, size, side)  # +1: the taker bought, -1: it sold

"""
        + SIZES_ARE,
    ),
    (
        DECIDE,
        """    def on_trade(self, time_ns: int, price: float, size: float, side: int) -> None:
        \"""Take a trade, before the first book that was received after it; +1: the taker bought.

        Raises BookError for an invalid trade.
        \"""
        check_trade(time_ns, price, size, side)
        self._tape.append((price, size, side))

"""
        + DECIDE,
    ),
)
POSTED_TRADE = "        self._trades = (*self._trades, (time_ns, price, size, side))\n"
TAKES_TRADES_POSTED = (
    (
        POSTED_TRADE,
        "        check_trade(time_ns, price, size, side)\n"
        f"        self._tape.append((price, size, side))\n{POSTED_TRADE}",
    ),
)
"""Where a strategy takes trades for its signal; one that posts orders takes them already."""

OF_GAPS = (
    ("            self.lost()\n", "            self.lost(time_ns)\n"),
    (
        """    def lost(self) -> int:
        \"""Forget position and orders, since books were missed; """
        """return the side of the position.\"""
""",
        """    def lost(self, time_ns: int | None = None) -> int:
        \"""Forget position and orders, since books were missed; """
        """return the side of the position.

        They were missed from a time on, or since the newest book.
        \"""
""",
    ),
)
"""Texts of the template, and their replacements for what goes on after a gap."""


def laid_out(expression: str, indent: str = "    ", before: str = "return ") -> str:
    """Return an expression on several lines where one has no room for it.

    Parameters
    ----------
    expression : str
        Calls and tuples within one another.
    indent, before : str
        What its first line begins with.
    """
    node = ast.parse(expression, mode="eval").body
    fits = len(indent + before + expression) <= WIDTH
    if fits or not isinstance(node, ast.Call | ast.Tuple):
        return expression
    if isinstance(node, ast.Call):
        head, parts = ast.unparse(node.func), node.args
    else:
        head, parts = "", node.elts
    texts = [ast.get_source_segment(expression, one) or "" for one in parts]
    inner = f"{indent}    "
    lines = [inner + ", ".join(texts)]
    if len(lines[0]) > WIDTH:
        lines = [f"{inner}{laid_out(one, inner, ' ')}," for one in texts]
    return "\n".join([f"{head}(", *lines, f"{indent})"])
