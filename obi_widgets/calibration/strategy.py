"""Settings as a file of plain Python that decides as `obi_widgets.entries` does, without us."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obi_widgets.errors import HistoryError, SettingsError
from obi_widgets.provenance import Findings, Provenance, Sealed, to_table, utc
from obi_widgets.settings import Parameters
from obi_widgets.signals.portable import EDGE, LOG2_E, POLYNOMIAL

if TYPE_CHECKING:
    from obi_widgets.history import History
    from obi_widgets.settings import Settings

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
        What is told instead, when more is known than the history says (the interval).
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
        A name that ends otherwise, or a place that cannot be written to.
    HistoryError
        A history without states.
    """
    path = Path(path)
    if path.suffix != ".py":
        raise SettingsError(f"{path.name!r} ends in {path.suffix!r}.", "A strategy is kept as .py.")
    if not len(history):
        raise HistoryError("The history has no states.", "Wait for the first book, then export.")
    parameters = Parameters.of(settings)
    told = _told(parameters, history, provenance)
    constants = _constants(parameters, history, told, findings, sealed)
    template = TEMPLATE.read_text(encoding="utf-8")
    head, tail = template[: template.index(FIRST)], template[template.index(LAST) :]
    try:
        path.write_text(f"{head}{constants}\n{tail}", encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror}.", "Choose another place."
        ) from error
    return path


def _constants(
    p: Parameters,
    history: History,
    told: dict[str, Any],
    findings: Findings | None,
    sealed: Sealed | None,
) -> str:
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
        *_dict("TUNED_ON", told),
        *_verdict(findings),
        *_sealed(sealed),
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


def _verdict(findings: Findings | None) -> list[str]:
    """Return the lines that tell what calibration said: of the horizon that it is about."""
    if findings is None:
        return _dict("CALIBRATION", {})
    facts = to_table(findings)
    del facts["horizons"], facts["reason"]
    if findings.judged is not None:
        facts |= to_table(findings.judged) | {"seconds": findings.seconds}
    text = f"Calibration: {findings.verdict}. {findings.reason}"
    return [f"# {line}" for line in textwrap.wrap(text, 84)] + _dict("CALIBRATION", facts)


def _sealed(sealed: Sealed | None) -> list[str]:
    """Return the lines that tell what a sealed test has come to."""
    if sealed is None:
        return _dict("SEALED_TEST", {})
    facts = to_table(sealed)
    text = f"Sealed test: {sealed.verdict}. {facts.pop('reason')}"
    return [f"# {line}" for line in textwrap.wrap(text, 84)] + _dict("SEALED_TEST", facts)


def _told(p: Parameters, history: History, provenance: Provenance | None) -> dict[str, Any]:
    """Return what is to be known of where the settings come from."""
    if provenance is None:
        from obi_widgets import __version__

        start, end = utc(history.time[[0, -1]])
        known: dict[str, Any] = {
            "venue": history.instrument.venue,
            "symbol": history.instrument.symbol,
            "start": start,
            "end": end,
            "states": len(history),
            "levels": history.levels,
            "sha256": history.sha256(),
            "package": f"obi-widgets {__version__}",
        }
    else:
        known = asdict(provenance)
    return {**known, "price": p.price, "fee_bps": p.fee_bps}
