"""Settings as a file of plain Python that decides as `obi_widgets.entries`, without this package.

The file is made from `template`, which has the imbalance, and if needed from `transforms`, `books`,
`trailing_quantile`, `entry_rule`, `early_exits`, `posted` and the source of a user's function. Any
signal but the imbalance, and any rule or execution but the default, is run on the history before
the file is written; see `proof`.
"""

from __future__ import annotations

import json
import math
import sys
import textwrap
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obi_widgets.checks import instance
from obi_widgets.checks import path as as_path
from obi_widgets.errors import HistoryError, SettingsError
from obi_widgets.history.given import as_history
from obi_widgets.history.provenance import Provenance
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.provenance import Findings, Sealed, refuse_others, to_table, to_tables
from obi_widgets.signals.imbalance import imbalance
from obi_widgets.signals.imbalance_numpy import EDGE, LOG2_E, POLYNOMIAL
from obi_widgets.strategy.proof import MOST, prove
from obi_widgets.strategy.signal import written_out
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.declared import BEYOND, at_once, leaves_early
from obi_widgets.trading.entries import scan
from obi_widgets.trading.exits import bounds as exits_bounds
from obi_widgets.trading.post_only import QUEUES, refuse_without_trades, with_known_trades

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings
    from obi_widgets.strategy.signal import Written

TEMPLATE = Path(__file__).with_name("template.py")
TRANSFORMS = Path(__file__).with_name("transforms.py")
TRAILING_QUANTILE = Path(__file__).with_name("trailing_quantile.py")
ENTRY_RULE = Path(__file__).with_name("entry_rule.py")
EARLY_EXITS = Path(__file__).with_name("early_exits.py")
BOOKS = Path(__file__).with_name("books.py")
POSTED = Path(__file__).with_name("posted.py")

FIRST, LAST = "DECAY = ", "# -- the strategy -"
"""First line of the template's constants, and the line after them."""

OF_IMBALANCE = "# -- the imbalance -"
"""First line of the template's last section."""

MAKE = '''
def make_signal() -> Callable[[int, Levels, Levels], float]:
    """Return the signal without any past."""
    return {}
'''
"""The end of a file with another signal than the imbalance."""

PART_IMBALANCE = "# -- an imbalance that is a part -"
"""First line of the section of the transforms that only an imbalance needs."""

NEW = "        self._newest = EARLIEST\n"
LOST = "        position, self.position = self.position, 0\n"
"""Lines of the template where a strategy begins, and where it forgets its past."""

OTHER_SIGNAL = (
    ("An order-book-imbalance strategy: takes", "A strategy by a signal, {title}: takes"),
    ("Python 3.10 and its standard library are\nenough.", "Python 3.10 and {needs} enough."),
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
    ("value = imbalance(bids, asks)", "value = self._signal(time_ns, bids, asks)"),
    (NEW, f"{NEW}        self._signal = make_signal()\n"),
    (LOST, f"{LOST}        self._signal = make_signal()\n"),
)
"""Texts of the template, and their replacements for another signal."""

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


def of_exits(what: str, after: str, condition: str) -> tuple[tuple[str, str], ...]:
    """Return texts of the template, and their replacements for exits before the hold is over.

    ``condition`` is what lets an entry begin.
    """
    ends = f"ends = self._exits.by_signal(1 if {what} > 0 else -1)"
    return (
        (NEW, f"{NEW}        self._exits, self._paid = EarlyExits(), 0.0\n"),
        (LOST, f"{LOST}        self._exits = EarlyExits()\n"),
        (after, f"{after}        self._exits.update(time_ns, {what})\n        {ends}\n"),
        (f"whole and {condition}", f"whole and {condition} and not ends"),
        (
            "whole and time_ns >= self._due",
            "whole and (\n            time_ns >= self._due\n"
            "            or self._exits.end(self.position, self._paid, bids, asks)\n        )",
        ),
    )


DECIDE, FORGET = "    def decide(", "    def lost("
"""First and last method of the template; those between are replaced for posted orders."""

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


def export_strategy(
    path: str | Path,
    settings: Settings | Parameters,
    history: History,
    *,
    provenance: Provenance | None = None,
    findings: Findings | None = None,
    sealed: Sealed | None = None,
) -> Path:
    """Write a Python file with a class that takes books and returns decisions, in event time.

    The file begins with the verdict and the data that the settings were tuned on, or says that
    nothing was calibrated. ``Strategy("venue:SYMBOL")`` warns if that is another market.

    For the imbalance, the file needs the standard library only. On the books of a history it makes
    exactly the entries of `obi_widgets.entries`, and its imbalance is the same to the last bit. It
    returns the orders to send, and assumes that they are executed as the settings say.

    Post-only orders have a limit and are cancelled after their wait. The file takes trades by
    ``on_trade``. It is written only if its fills equal those of `obi_widgets.entries`, by both
    bounds of the queue, on the newest 10,000 states.

    Another signal is written as it is declared: a transform in plain Python, a user's function by
    its source, which may use only its arguments, NumPy and Python's own modules. The file is then
    run on the newest 10,000 states, and written only if its signal differs by at most 1e-9 and its
    entries are equal.

    Parameters
    ----------
    path : str or Path
        The file, ending in ``.py``; an existing file is replaced.
    settings : Settings or Parameters
        The settings of the strategy.
    history : History
        The data that they were tuned on. It gives the tick size, the number of all levels, and the
        provenance in the file.
    provenance : Provenance, optional
        Provenance to write instead of the history's.
    findings : Findings, optional
        The result of a calibration, ``report.findings``.
    sealed : Sealed, optional
        The result of a sealed test, ``test.summary()``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    SettingsError
        If the path does not end in ``.py`` or cannot be written to; if ``findings`` are of other
        settings, another market or another signal; if the signal needs more than books, is not
        self-contained, or differs when the file is run; if there are gates; or if orders are
        post-only and the history has no trades. The message gives the reason.
    HistoryError
        If the history has no states.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=120, seed=1)
    >>> path = obi.export_strategy("strategy.py", obi.Settings(), history)
    >>> path.name
    'strategy.py'
    """
    path = as_path(path, "Give the name of a .py file.")
    history = as_history(history)
    instance("provenance", provenance, (Provenance, type(None)), "Give lab.session.provenance().")
    instance("findings", findings, (Findings, type(None)), "Give report.findings.")
    instance("sealed", sealed, (Sealed, type(None)), "Give test.summary().")
    if path.suffix != ".py":
        raise SettingsError(
            f"{path.name!r} ends in {path.suffix!r}.", "Give a name that ends in .py."
        )
    if not len(history):
        raise HistoryError("The history has no states.", "Wait for the first book, then export.")
    parameters = Parameters.of(settings)
    if parameters.gates:
        raise SettingsError(
            f"A strategy file cannot have gates yet, and these settings have "
            f"{', '.join(parameters.gates)}.",
            "Save the settings instead, or export them without gates and judge them again.",
        )
    posted = parameters.execution == "post_only"
    if posted:
        refuse_without_trades(history)
    provenance = provenance or history.provenance
    refuse_others(parameters, provenance, findings)
    told = to_tables(provenance, findings, sealed)
    told.setdefault("sealed_test", {})
    first = _first_lines(provenance, told)
    told["tuned_on"] |= {"price": parameters.price, "fee_bps": parameters.fee_bps}
    told["calibration"] = _of_horizon(told["calibration"], findings)
    told["sealed_test"].pop("reason", None)
    template = TEMPLATE.read_text(encoding="utf-8")
    head, tail = template[: template.index(FIRST)], template[template.index(LAST) :]
    if posted:
        head, tail = _with_posted(head, tail)
    written = written_out(parameters.signal, dict(parameters.values), history)
    usual = parameters.threshold_is == "value" and parameters.entry_rule == BEYOND
    usual = usual and not leaves_early(parameters)
    if parameters.signal is not imbalance or not usual:
        head, tail = _with_signal(head, tail, parameters, history, written)
    text = f"{first}{head}{_constants(parameters, history, told, written)}\n{tail}"
    if parameters.signal is not imbalance or not usual or not at_once(parameters):
        part = history[parameters.first_needed(history, max(len(history) - MOST, 0)) :]
        if posted:
            part = with_known_trades(part)
        signal = parameters.signal.compute(part, dict(parameters.values))
        decided = decisions(part, signal, parameters)
        for queue in QUEUES if posted else QUEUES[:1]:
            made = scan(part, decided, parameters, 0, None, queue)
            prove(text, parameters.signal.name, part, signal, made, queue if posted else None)
    try:
        path.write_text(text, encoding="utf-8")
        # Python takes a compiled file for current if second and length of its source agree.
        Path(cache_from_source(path)).unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror}.", "Choose another place."
        ) from error
    return path


def _with_posted(head: str, tail: str) -> tuple[str, str]:
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


def _first_lines(provenance: Provenance | None, told: dict[str, dict[str, Any]]) -> str:
    """Return verdicts with their reasons, and what the settings were tuned on, as comments."""
    calibration, sealed = told["calibration"], told["sealed_test"]
    paragraphs = [
        f"{calibration['verdict'].capitalize()}. {calibration['reason']}",
        f"Tuned on {provenance}.",
    ]
    if sealed:
        paragraphs.append(f"Sealed test: {sealed['verdict']}. {sealed['reason']}")
    lines = []
    for paragraph in paragraphs:
        # A line break in a venue's text or in a loaded file must not end the comment.
        text = "".join(one if one.isprintable() else " " for one in paragraph)
        lines += [f"# {line}\n" for line in textwrap.wrap(text, 84)]
    return "".join(lines)


def _with_signal(
    head: str, tail: str, parameters: Parameters, history: History, written: Written
) -> tuple[str, str]:
    """Return the beginning and the end of the file for another signal, or for quantiles."""
    every = f"a book every {history.interval:g} s" if history.interval else "every book"
    needs = "numpy are" if written.functions else "its standard library are"
    words = {"title": parameters.signal.name, "needs": needs, "interval": every}
    strategy, rest = tail[: tail.index(OF_IMBALANCE)], tail[tail.index(OF_IMBALANCE) :]
    parts, quantile = [head, strategy], parameters.threshold_is == "quantile"
    ruled = parameters.entry_rule != BEYOND
    changes: tuple[tuple[str, str], ...]
    changes = OTHER_SIGNAL if parameters.signal is not imbalance else ()
    changes += OF_QUANTILES if quantile else ()
    what, after = ("quantile", QUANTILE) if quantile else ("value", KNOWN)
    if ruled:
        changes += of_rules(what, after)
    if leaves_early(parameters):
        condition = "may_enter" if ruled else f"abs({what}) > THRESHOLD"
        changes += of_exits(what, after, condition)
        changes += PAID_POSTED if parameters.execution == "post_only" else PAID
    for old, new in changes:
        if not any(old in part for part in parts):
            raise AssertionError(f"The template has no {old!r}.")
        parts = [part.replace(old, new.format(**words)) for part in parts]
    head, strategy = parts
    sources = [TRAILING_QUANTILE] if quantile else []
    sources += [ENTRY_RULE] if ruled else []
    sources += [EARLY_EXITS] if leaves_early(parameters) else []
    sources += [TRANSFORMS] if written.transforms else []
    sources += [BOOKS] if written.functions else []
    texts = [path.read_text(encoding="utf-8") for path in sources]
    sections = [rest] if written.imbalances else []
    sections += [text[text.index("# -- ") :] for text in texts]
    if not written.imbalances:
        sections = [one.partition(PART_IMBALANCE)[0] for one in sections]
    sections += written.functions
    if written.expression:
        sections.append(MAKE.format(written.expression))
    body = "\n\n\n".join(one.strip("\n") for one in (strategy, *sections)) + "\n"
    begin, end = head.index("import math"), head.index("# -- constants")
    imports = [line for text in (head[begin:end], *texts) for line in text.splitlines()]
    named = [*filter(_is_import, imports), *written.imports]
    if written.expression:
        named.append("from collections.abc import Callable")
    return f"{head[:begin]}{_together(named)}\n\n{head[end:]}", body


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


def _constants(
    p: Parameters,
    history: History,
    told: dict[str, dict[str, Any]],
    written: Written,
) -> str:
    """Return the lines of the constants; with those of the imbalance if the signal uses one."""
    values = written.imbalances[0] if written.imbalances else {}
    used = p.levels_used.depth if p.signal is imbalance else None
    looked_at = min(used or history.levels, history.levels) + 10
    quantile = p.threshold_is == "quantile"
    # As many levels as were tuned on: with more, the signal would be another one.
    lines = [f"LEVELS = {history.levels}  # levels a side that are used"]
    if values:
        lines = [
            f"DECAY = {values['decay']!r}  # per bp of distance from mid",
            *lines,
            f"DEPTH: int | None = {values['depth']!r}  # of them, best first",
            f"BAND_BPS: float | None = {values['band_bps']!r}",
            f"NOTIONAL = {values['weighting'] == 'notional'}",
        ]
    lines += [
        f"LOOKED_AT = {looked_at}  # levels that are checked: some more than are used",
        f"THRESHOLD = {p.threshold!r}{'  # a quantile' if quantile else ''}",
        *([f"QUANTILE_WINDOW_NS = {round(p.quantile_window * 1e9):_}"] if quantile else []),
        *([f"LOOKBACK_NS = {round(p.lookback * 1e9):_}"] if quantile else []),
        *(_of_rule(p) if p.entry_rule != BEYOND else []),
        *(_of_exits(p) if leaves_early(p) else []),
        f"HOLD_NS = {round(p.hold_seconds * 1e9):_}",
        f"LATENCY_NS = {round(p.latency_ms * 1e6):_}",
        *([f"WAIT_NS = {round(p.wait_seconds * 1e9):_}"] if p.execution == "post_only" else []),
        f"SLIPPAGE_BPS: float | None = {p.slippage_bps!r}",
        f"SIZE: float | None = {p.size!r}  # base units; None: the best level fills it",
        f"AT_MID = {p.price == 'mid' and p.execution == 'taker'}",
        f"TICK_SIZE = {history.tick_size!r}",
        *(line for name, table in told.items() for line in _dict(name.upper(), table)),
    ]
    if values:
        lines += [
            "# Coefficients of 2**f for f in -1/2..1/2, as the settings were tuned with.",
            f"LOG2_E = {LOG2_E!r}",
            f"EDGE_BPS = {EDGE!r}",
            "EXP2: tuple[float, ...] = (",
            *(f"    {float(coefficient)!r}," for coefficient in POLYNOMIAL),
            ")",
        ]
    return "\n".join(lines) + "\n"


def _of_rule(p: Parameters) -> list[str]:
    """Return the lines of the constants of the entry rule."""
    within = f"TRANSITION_NS = {round(p.transition_seconds * 1e9):_}"
    return [f"ENTRY_RULE = {p.entry_rule!r}", within]


def _of_exits(p: Parameters) -> list[str]:
    """Return the lines of the constants of exits before the hold is over."""
    found = exits_bounds(p)
    stop, target = (repr(one) if one < math.inf else "math.inf" for one in found)
    return [
        f"EXIT_FADE: float | None = {p.exit_fade!r}  # of the threshold",
        f"EXIT_FLIP = {p.exit_flip == 'on'}",
        f"EXIT_DECELERATION: float | None = {p.exit_deceleration!r}  # of the threshold",
        f"DECELERATION_NS = {round(p.deceleration_seconds * 1e9):_}",
        f"STOP = {stop}  # of the entry's price",
        f"TARGET = {target}",
    ]


def _dict(name: str, values: dict[str, Any]) -> list[str]:
    """Return the lines of a constant that is a dict."""
    if not values:
        return [f"{name}: dict[str, object] = {{}}"]
    lines = (f"    {json.dumps(key)}: {json.dumps(value)}," for key, value in values.items())
    return [f"{name}: dict[str, object] = {{", *lines, "}"]


def _of_horizon(calibration: dict[str, Any], findings: Findings | None) -> dict[str, Any]:
    """Return a calibration's figures with those of the verdict's horizon only."""
    facts = {k: v for k, v in calibration.items() if k not in ("horizons", "reason")}
    if findings is not None and findings.judged is not None:
        facts |= to_table(findings.judged) | {"seconds": findings.seconds}
    return facts
