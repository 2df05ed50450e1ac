"""Settings as a file of plain Python that decides as `obi_widgets.entries` does, without us."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obi_widgets.checks import kind
from obi_widgets.checks import path as as_path
from obi_widgets.errors import HistoryError, SettingsError
from obi_widgets.history.given import as_history
from obi_widgets.history.provenance import Provenance
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.provenance import Findings, Sealed, refuse_others, to_table, to_tables
from obi_widgets.signals.imbalance_numpy import EDGE, LOG2_E, POLYNOMIAL

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings

TEMPLATE = Path(__file__).with_name("strategy_template.py")
FIRST, LAST = "DECAY = ", "# -- the strategy -"
"""What the constants of the template begin with, and what comes after them."""


def export_strategy(
    path: str | Path,
    settings: Settings | Parameters,
    history: History,
    *,
    provenance: Provenance | None = None,
    findings: Findings | None = None,
    sealed: Sealed | None = None,
) -> Path:
    """Write a strategy file: a class that takes a book and returns a decision, in event time.

    Its first lines say the verdict and what the settings were tuned on. Without findings they say
    that nothing was calibrated. ``Strategy("venue:SYMBOL")`` warns where that is another market.

    The file needs Python alone. Given the books of a history it makes exactly the entries of
    `obi_widgets.entries`: it rounds as the signal does, to 32 bits, so that its imbalance is the
    same to the last bit.

    Parameters
    ----------
    path : str or Path
        Where to, ``.py``; an existing file is replaced.
    settings : Settings or Parameters
        What it decides by.
    history : History
        What they were tuned on: it says the tick size, how many levels "all" are, and what is
        told of it in the file.
    provenance : Provenance, optional
        What is told of the tuning instead.
    findings : Findings, optional
        What calibration said of them, ``report.findings``.
    sealed : Sealed, optional
        What a sealed test has come to, ``test.summary()``.

    Returns
    -------
    Path

    Raises
    ------
    SettingsError
        A name that ends otherwise, a place that cannot be written to, or findings that are of
        other settings, another market or another signal.
    HistoryError
        A history without states.
    """
    path = as_path(path, "Give the name of a .py file.")
    history = as_history(history)
    kind("provenance", provenance, (Provenance, type(None)), "Give lab.session.provenance().")
    kind("findings", findings, (Findings, type(None)), "Give report.findings.")
    kind("sealed", sealed, (Sealed, type(None)), "Give test.summary().")
    if path.suffix != ".py":
        raise SettingsError(f"{path.name!r} ends in {path.suffix!r}.", "A strategy is kept as .py.")
    if not len(history):
        raise HistoryError("The history has no states.", "Wait for the first book, then export.")
    parameters = Parameters.of(settings)
    provenance = provenance or history.provenance
    refuse_others(parameters, provenance, findings)
    told = to_tables(provenance, findings, sealed)
    template = TEMPLATE.read_text(encoding="utf-8")
    head, tail = template[: template.index(FIRST)], template[template.index(LAST) :]
    told.setdefault("sealed_test", {})
    head = _first_lines(provenance, told) + head
    told["tuned_on"] |= {"price": parameters.price, "fee_bps": parameters.fee_bps}
    told["calibration"] = _of_horizon(told["calibration"], findings)
    told["sealed_test"].pop("reason", None)
    constants = _constants(parameters, history, told)
    try:
        path.write_text(f"{head}{constants}\n{tail}", encoding="utf-8")
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
        # Nothing in a venue's text, nor in a file that was loaded, ends the comment.
        text = "".join(one if one.isprintable() else " " for one in paragraph)
        lines += [f"# {line}\n" for line in textwrap.wrap(text, 84)]
    return "".join(lines)


def _constants(p: Parameters, history: History, told: dict[str, dict[str, Any]]) -> str:
    lines = [
        f"DECAY = {p.decay!r}  # per bp of distance from mid",
        # No more than there were to tune on: a deeper book would be another signal.
        f"LEVELS = {history.levels}  # levels a side that are used",
        f"DEPTH: int | None = {p.depth!r}  # of them, best first",
        f"BAND_BPS: float | None = {p.band_bps!r}",
        f"NOTIONAL = {p.weighting == 'notional'}",
        f"THRESHOLD = {p.threshold!r}",
        f"HOLD_NS = {round(p.hold_seconds * 1e9):_}",
        f"TICK_SIZE = {history.tick_size!r}",
        *(line for name, table in told.items() for line in _dict(name.upper(), table)),
        "# Of the arithmetic that the settings were tuned with: 2**f for f in -1/2..1/2.",
        f"LOG2_E = {LOG2_E!r}",
        f"EDGE_BPS = {EDGE!r}",
        "EXP2: tuple[float, ...] = (",
        *(f"    {float(coefficient)!r}," for coefficient in POLYNOMIAL),
        ")",
    ]
    return "\n".join(lines) + "\n"


def _dict(name: str, values: dict[str, Any]) -> list[str]:
    """Return the lines of a constant that is a dict."""
    if not values:
        return [f"{name}: dict[str, object] = {{}}"]
    lines = (f"    {json.dumps(key)}: {json.dumps(value)}," for key, value in values.items())
    return [f"{name}: dict[str, object] = {{", *lines, "}"]


def _of_horizon(calibration: dict[str, Any], findings: Findings | None) -> dict[str, Any]:
    """Return the figures of the horizon that the verdict is about, in place of all of them."""
    facts = {k: v for k, v in calibration.items() if k not in ("horizons", "reason")}
    if findings is not None and findings.judged is not None:
        facts |= to_table(findings.judged) | {"seconds": findings.seconds}
    return facts
