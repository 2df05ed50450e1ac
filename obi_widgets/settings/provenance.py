"""What a file of settings tells beside them: what they were tuned on, and what that came to."""

from __future__ import annotations

import math
import re
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from obi_widgets.errors import SettingsError, quoted
from obi_widgets.history.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.settings.parameters import Parameters

IMBALANCE = "imbalance"
"""The signal of findings that name none: those of files of format 1."""

NOT_CALIBRATED = {
    "verdict": "not calibrated",
    "reason": "Whether these settings make money is not known: no report of them was given.",
}
"""What a file says of calibration where nothing is known."""

BESIDE = ("origin", "parameters")
"""What `Findings` know that a file has in tables of its own."""

NOT_KNOWN = {"market": "not known"}
"""What a file says of what settings were tuned on where nothing is known."""


@dataclass(frozen=True)
class AtHorizon:
    """What followed the signal within a horizon; None where it could not be told.

    Attributes
    ----------
    seconds : float
        The horizon.
    n : int
        Events.
    n_eff : float
        As many independent ones would know as much.
    mean_bps, ci_low, ci_high : float
        Mean return of mid, + where the signal was right, and its confidence interval.
    p, p_adjusted : float
        Alone, and corrected for all that was tried.
    t_naive : float
        As if all events were independent: a warning.
    cost_bps : float
        Of a round trip.
    net_bps, net_ci_low, net_ci_high : float
        What a taker made, after fees, and its confidence interval.
    net_p_adjusted : float
        That this is nothing, or no more than being long and short as often without looking makes;
        corrected for all that was tried.
    outside_n, outside_bps, outside_ci_low, outside_ci_high : int and float
        Mean return of mid in the time held out.
    outside_net_bps : float
        What a taker made there, after fees.
    """

    seconds: float
    n: int
    n_eff: float | None = None
    mean_bps: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    t_naive: float | None = None
    cost_bps: float | None = None
    net_bps: float | None = None
    net_ci_low: float | None = None
    net_ci_high: float | None = None
    net_p_adjusted: float | None = None
    outside_n: int = 0
    outside_bps: float | None = None
    outside_ci_low: float | None = None
    outside_ci_high: float | None = None
    outside_net_bps: float | None = None


@dataclass(frozen=True)
class Findings:
    """What calibration said of settings.

    Attributes
    ----------
    verdict, reason : str
        See `obi_widgets.calibrate`.
    entry_kind : str
        Which states counted as entries; see `obi_widgets.calibrate`.
    level : float
        Of confidence intervals.
    tried : int
        How many settings were looked at.
    hold_out : float
        The share of the time that was held out.
    start, end : str
        First and last event time that was judged, ISO 8601, UTC.
    states, seconds, episodes : int, float, int
        How much was judged, and how often the signal was on.
    horizons : tuple of AtHorizon
        By horizon.
    horizon : float or None
        Seconds: the one that the verdict is about, None where it is about none.
    break_even_bps : float or None
        The cost of one side at which nothing is left at that horizon.
    signal : str
        The name of the signal that was judged. Settings of another signal refuse them.
    origin : Provenance or None
        What was judged; None where that is not known. A file has it under ``tuned_on``, or under
        ``judged_on`` where a part was judged.
    parameters : Parameters or None
        The settings that were judged; None where that is not known. A file has them under
        ``settings``.
    """

    verdict: str
    reason: str
    entry_kind: str
    level: float
    tried: int
    hold_out: float
    start: str
    end: str
    states: int
    seconds: float
    episodes: int
    horizons: tuple[AtHorizon, ...]
    horizon: float | None = None
    break_even_bps: float | None = None
    signal: str = IMBALANCE
    origin: Provenance | None = None
    parameters: Parameters | None = None

    @property
    def judged(self) -> AtHorizon | None:
        """The horizon that the verdict is about."""
        return next((one for one in self.horizons if one.seconds == self.horizon), None)


@dataclass(frozen=True)
class Sealed:
    """What a sealed test has come to; see `obi_widgets.SealedTest`.

    Attributes
    ----------
    verdict, reason : str
        ``"above zero"``, ``"below zero"`` or ``"not yet decided"``; and why, in sentences.
    market, source : str
        ``venue:SYMBOL``, and where the data came from: ``live``, ``recording``, ``simulated`` or
        ``history``.
    sha256 : str
        Of all that was sealed: settings, market, moment, bounds.
    sealed_at, judged_to : str
        Event times, ISO 8601, UTC: only what came after the first is judged; up to the second.
        Empty when there was none.
    trades : int
        That were judged, one after the other.
    seals_opened, seal_number : int
        Sealed tests that were ever opened on this market in the same folder and session; which of
        them this one is.
    error : float
        How often each bound may be wrong, at any moment.
    burn_in : int
        Trades before which nothing is decided.
    clip_bps : float
        Where gains and losses are cut for ``clipped_*``.
    lost : int
        Entries that a gap ended: their result is not known, and is not judged.
    unseen_seconds : float
        Of the time since the seal, what was not seen, as while nothing ran.
    decided : str
        The first verdict that the test came to; empty so far.
    decided_after : int
        How many trades that took; 0 so far.
    broken : str
        When and why the test ended; empty while it goes on.
    mean_bps, interval_low, interval_high, low_bps, high_bps : float or None
        Mean net result of a trade; its two-sided interval, and the one-sided bounds.
    clipped_mean_bps, clipped_low_bps, clipped_high_bps : float or None
        The same of gains and losses that are each cut.
    """

    verdict: str
    reason: str
    market: str
    source: str
    sha256: str
    sealed_at: str
    judged_to: str
    trades: int
    seals_opened: int
    seal_number: int
    error: float
    burn_in: int
    clip_bps: float
    lost: int
    unseen_seconds: float
    decided: str
    decided_after: int
    broken: str
    mean_bps: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    low_bps: float | None = None
    high_bps: float | None = None
    clipped_mean_bps: float | None = None
    clipped_low_bps: float | None = None
    clipped_high_bps: float | None = None


def known(value: float) -> float | None:
    """Return a figure as it is kept in a file: eight digits, None for NaN."""
    return None if math.isnan(value) else float(f"{value:.8g}")


def to_tables(
    provenance: Provenance | None, findings: Findings | None, sealed: Sealed | None = None
) -> dict[str, Any]:
    """Return what every export tells beside settings. All that is told is gathered here.

    Parameters
    ----------
    provenance : Provenance or None
        What the settings were tuned on; what the findings are of when it is None.
    findings : Findings or None
        What calibration said of them.
    sealed : Sealed or None
        What a sealed test of them has come to.

    Returns
    -------
    dict
        Tables ``tuned_on`` and ``calibration``; each says so where nothing is known. A table
        ``judged_on`` where the findings are of other states than the settings were tuned on, and
        a table ``sealed_test`` where there was one.
    """
    origin = findings.origin if findings is not None else None
    provenance = provenance or origin
    tables: dict[str, Any] = {
        "tuned_on": to_table(provenance) if provenance is not None else dict(NOT_KNOWN),
        "calibration": to_table(findings) if findings is not None else dict(NOT_CALIBRATED),
    }
    if origin is not None and origin != provenance:
        tables["judged_on"] = to_table(origin)
    if sealed is not None:
        tables["sealed_test"] = to_table(sealed)
    return tables


def labels(parameters: Parameters, tables: dict[str, Any]) -> dict[str, Any]:
    """Return what a DataFrame of figures has in ``attrs``: settings, and tables of `to_tables`."""
    return {"settings": parameters.as_table(), **tables}


def from_tables(
    document: Mapping[str, Any], parameters: Parameters
) -> tuple[Provenance | None, Findings | None]:
    """Read what `to_tables` made of the findings on these settings.

    Raises
    ------
    SettingsError
        Other tables.
    """
    provenance = None
    if document.get("tuned_on", NOT_KNOWN) != NOT_KNOWN:
        provenance = _read(Provenance, document["tuned_on"], "tuned_on")
    table = document.get("calibration", NOT_CALIBRATED)
    if isinstance(table, dict) and table.get("verdict") == NOT_CALIBRATED["verdict"]:
        return provenance, None
    origin = provenance
    if "judged_on" in document:
        origin = _read(Provenance, document["judged_on"], "judged_on")
    if isinstance(table, dict) and isinstance(table.get("horizons"), list):
        horizons = [_read(AtHorizon, one, "calibration.horizons") for one in table["horizons"]]
        table = {**table, "horizons": tuple(horizons)}
    if isinstance(table, dict) and "entry_kind" not in table and "event" in table:  # its old name
        table = {("entry_kind" if key == "event" else key): v for key, v in table.items()}
    findings = _read(Findings, table, "calibration")
    if origin is not None and _span(origin) != _span(findings):
        origin = None
    return provenance, replace(findings, origin=origin, parameters=parameters)


def refuse_others(
    parameters: Parameters, provenance: Provenance | None, findings: Findings | None
) -> None:
    """Refuse findings that are of other settings, another market or another signal.

    Raises
    ------
    SettingsError
        Such findings, with what differs.
    """
    if findings is None:
        return
    name = parameters.signal.name
    if findings.signal != name:
        raise SettingsError(
            f"The report is of another signal, {quoted(findings.signal)}. "
            f"The settings are of {quoted(name)}.",
            "Save them without these findings, or calibrate them.",
        )
    judged = findings.parameters
    if judged is not None and not judged.signal.computes_as(parameters.signal):
        raise SettingsError(
            f"The report is of the signal {name} as it was defined before.",
            "Calibrate these settings again.",
        )
    if judged is not None and judged != parameters:
        there, here = judged.as_table(), parameters.as_table()
        differ = [
            f"{name} = {there.get(name)!r}, not {here[name]!r}"
            for name in here
            if there.get(name) != here[name]
        ]
        raise SettingsError(
            f"The report is of other settings: {'; '.join(differ)}.",
            "Calibrate these settings, or save those that the report is of.",
        )
    origin = findings.origin
    if provenance is not None and origin is not None and origin.market != provenance.market:
        raise SettingsError(
            f"The report is of {quoted(origin.market)}, and the settings were tuned on "
            f"{quoted(provenance.market)}.",
            "Calibrate them on the market that they are for.",
        )


def _span(one: Provenance | Findings) -> tuple[str, str, int]:
    return one.start, one.end, one.states


def to_table(one: Provenance | AtHorizon | Findings | Sealed) -> dict[str, Any]:
    """Return what goes into a file: what is not known is left out, since TOML has no null."""
    table = {k: v for k, v in asdict(one).items() if v is not None and k not in BESIDE}
    if isinstance(one, Findings):
        table["horizons"] = [to_table(horizon) for horizon in one.horizons]
    return table


def sealed_of(table: object) -> Sealed:
    """Read a table ``sealed_test``.

    Raises
    ------
    SettingsError
        Another one.
    """
    return _read(Sealed, table, "sealed_test")


_Kind = TypeVar("_Kind", Provenance, AtHorizon, Findings, Sealed)


_WORDS = {"str": "text", "int": "a whole number", "float": "a number", "tuple": "tables"}


def _read(kind: type[_Kind], table: object, name: str) -> _Kind:
    takes: Mapping[str, bool] = {
        one.name: one.default is MISSING for one in fields(kind) if one.name not in BESIDE
    }
    if isinstance(table, dict):
        needed = {name for name, needs in takes.items() if needs}
        if needed <= set(table) <= set(takes):
            _check(kind, table, name)
            return kind(**table)
    found = f"has {quoted(sorted(table))}" if isinstance(table, dict) else f"is {quoted(table)}"
    exactly = "exactly " if all(takes.values()) else ""
    raise SettingsError(f"{name!r} {found}.", f"It takes {exactly}{', '.join(takes)}.")


def _check(kind: type[_Kind], table: dict[str, Any], name: str) -> None:
    """Refuse values of other types than the fields are declared with."""
    for one in fields(kind):
        if one.name not in table:
            continue
        value, declared = table[one.name], str(one.type)
        word = re.split(r"\W", declared)[0]
        match word:
            case "str" | "tuple":
                fits = type(value).__name__ == word
            case "int":
                fits = type(value) is int
            case _:
                fits = type(value) in (int, float) and abs(value) < math.inf
        if not (fits or (value is None and declared.endswith("None"))):
            raise SettingsError(
                f"{one.name!r} in {name!r} is {quoted(value)}.", f"It takes {_WORDS[word]}."
            )
