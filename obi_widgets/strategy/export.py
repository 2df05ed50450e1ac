"""Settings as a file of plain Python that decides as `obi_widgets.entries`, without this package.

The file is made from `template`, which has the imbalance, and if needed of what `variants` takes:
`transforms`, `books`, `trailing_quantile`, `entry_rule`, `early_exits`, `capped_entries`,
`by_strength`, `posted`, `plain_gates`, `plain_cycles`, `plain_trades`, `plain_flow`, and the
source of a user's function. Any signal but the imbalance, any gate, and any rule or execution but
the default, is run on the history before the file is written; see `proof`.
"""

from __future__ import annotations

import json
import math
import textwrap
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obi_widgets.checks import instance
from obi_widgets.checks import path as as_path
from obi_widgets.errors import HistoryError, SettingsError
from obi_widgets.history.flow import flow_of
from obi_widgets.history.given import as_history
from obi_widgets.history.grid import as_fraction
from obi_widgets.history.provenance import Provenance
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.provenance import Findings, Sealed, refuse_others, to_table, to_tables
from obi_widgets.signals.imbalance import imbalance
from obi_widgets.signals.imbalance_numpy import EDGE, LOG2_E, POLYNOMIAL
from obi_widgets.strategy.proof import MOST, Wanted, allowed_by, prove
from obi_widgets.strategy.signal import written_out
from obi_widgets.strategy.variants import with_posted, with_signal
from obi_widgets.strategy.written_gates import write_gates
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.declared import BEYOND, at_once, leaves_early
from obi_widgets.trading.entries import scan
from obi_widgets.trading.exits import bounds as exits_bounds
from obi_widgets.trading.post_only import QUEUES, refuse_without_trades, with_known_trades
from obi_widgets.trading.sizing import HIGHEST, graded, whole_from

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings
    from obi_widgets.strategy.signal import Written

TEMPLATE = Path(__file__).with_name("template.py")

FIRST, LAST = "DECAY = ", "# -- the strategy -"
"""First line of the template's constants, and the line after them."""


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
    entries are equal. Built-in signals of trades, such as `obi_widgets.trade_imbalance`, take each
    trade by ``on_trade``. Those of order flow, such as `obi_widgets.order_flow_imbalance`, take the
    books between those that are decided on by ``on_book``. Signals of large levels, and those that
    are fitted, are refused.

    Gates are written likewise: the built-in ones that need books alone, and a user's own by its
    source. The file is written only if they are open in the same states as those of the settings.

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
        settings, another market or another signal; if the signal or a gate needs more than a file
        is given, is not self-contained, or differs when the file is run; or if orders are post-only
        and the history has no trades. The message gives the reason.
    HistoryError
        If the history has no states, or no order flow for a signal of it.

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
        head, tail = with_posted(head, tail)
    written = written_out(parameters.signal, dict(parameters.values), history)
    write_gates(parameters.gates, history, written)
    usual = parameters.threshold_is == "value" and parameters.entry_rule == BEYOND
    usual = usual and not leaves_early(parameters) and not parameters.gates
    usual = usual and not graded(parameters) and parameters.most_per_hour is None
    if parameters.signal is not imbalance or not usual:
        head, tail = with_signal(head, tail, parameters, history, written)
    text = f"{first}{head}{_constants(parameters, history, told, written)}\n{tail}"
    if parameters.signal is not imbalance or not usual or not at_once(parameters):
        part = history[parameters.first_needed(history, max(len(history) - MOST, 0)) :]
        if posted:
            part = with_known_trades(part)
        signal = parameters.signal.compute(part, dict(parameters.values))
        allowed = allowed_by(part, parameters.gates)
        decided = decisions(part, signal, parameters, allowed=allowed)
        for queue in QUEUES if posted else QUEUES[:1]:
            made = scan(part, decided, parameters, 0, None, queue)
            wanted = Wanted(parameters.signal.name, signal, made, allowed)
            prove(text, part, wanted, queue if posted else None)
    try:
        path.write_text(text, encoding="utf-8")
        # Python takes a compiled file for current if second and length of its source agree.
        Path(cache_from_source(path)).unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror}.", "Choose another place."
        ) from error
    return path


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


def _constants(
    p: Parameters,
    history: History,
    told: dict[str, dict[str, Any]],
    written: Written,
) -> str:
    """Return the lines of the constants; with those of the imbalance if the signal uses one."""
    values = written.imbalances[0] if written.imbalances else {}
    used = p.levels_used.depth if p.signal is imbalance and not p.gates else None
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
        *(_of_trades(history) if written.trades else []),
        *(_of_flow(history, written.flow_ranks) if written.flow else []),
        *([f"QUANTILE_WINDOW_NS = {round(p.quantile_window * 1e9):_}"] if quantile else []),
        *([f"LOOKBACK_NS = {round(p.lookback * 1e9):_}"] if quantile else []),
        *(_of_rule(p) if p.entry_rule != BEYOND else []),
        *([] if p.most_per_hour is None else [f"MOST_PER_HOUR = {p.most_per_hour}  # entries"]),
        *(_of_exits(p) if leaves_early(p) else []),
        *(_of_strength(p) if graded(p) else []),
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


def _of_trades(history: History) -> list[str]:
    """Return the lines of the constants of trades."""
    trades = history.trades
    return [
        f"SIZE_DECIMALS = {trades.size_decimals}  # of trades, as the settings were tuned with",
        f"PRICE_DECIMALS = {trades.price_decimals}",
    ]


def _of_flow(history: History, ranks: int) -> list[str]:
    """Return the lines of the constants of order flow."""
    lot_size = flow_of(history).lot_size
    step, parts = as_fraction(lot_size)
    return [
        f"FLOW_RANKS = {ranks}  # levels a side whose order flow is summed",
        f"LOT_SIZE = {lot_size!r}  # sizes are rounded to lots, as the settings were tuned with",
        f"LOT_STEP, LOT_PARTS = {step!r}, {parts!r}  # their ratio is a lot",
    ]


def _of_rule(p: Parameters) -> list[str]:
    """Return the lines of the constants of the entry rule."""
    within = f"TRANSITION_NS = {round(p.transition_seconds * 1e9):_}"
    return [f"ENTRY_RULE = {json.dumps(p.entry_rule)}", within]


def _of_exits(p: Parameters) -> list[str]:
    """Return the lines of the constants of exits before the hold is over."""
    stops, target_share = exits_bounds(p)
    found = float(stops[-1]), target_share
    stop, target = (repr(one) if one < math.inf else "math.inf" for one in found)
    return [
        f"EXIT_FADE: float | None = {p.exit_fade!r}  # of the threshold",
        f"EXIT_FLIP = {p.exit_flip == 'on'}",
        f"EXIT_DECELERATION: float | None = {p.exit_deceleration!r}  # of the threshold",
        f"DECELERATION_NS = {round(p.deceleration_seconds * 1e9):_}",
        f"STOP = {stop}  # of the entry's price",
        f"TARGET = {target}",
    ]


def _of_strength(p: Parameters) -> list[str]:
    """Return the lines of the constants of size and stop by strength."""
    return [
        f"LEAST_WEIGHT = {p.least_weight!r}  # of the whole size, at the threshold",
        f"WHOLE_FROM = {whole_from(p)!r}  # of the signal: the size is whole",
        f"GRADES = {HIGHEST}",
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
