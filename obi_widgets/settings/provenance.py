"""What a settings file says besides the settings: their data, calibration and sealed test."""

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
"""Signal of findings that name none, as in files of format 1."""

NOT_CALIBRATED = {
    "verdict": "not calibrated",
    "reason": "It is not known whether these settings make money: no report was given.",
}
"""Table ``calibration`` of a file without findings."""

BESIDE = ("origin", "parameters")
"""Attributes of `Findings` that a file keeps in other tables."""

NOT_KNOWN = {"market": "not known"}
"""Table ``tuned_on`` of a file without provenance."""

EARLIER_NAMES = {"event": "entry_kind"} | {
    f"outside_{figure}": f"out_of_sample_{figure}"
    for figure in ("n", "bps", "ci_low", "ci_high", "net_bps")
}
"""Keys of files of earlier versions, and the names that these figures have now."""


@dataclass(frozen=True)
class AtHorizon:
    """Returns after the signal at one horizon. None stands for an unknown figure.

    Attributes
    ----------
    seconds : float
        The horizon.
    n : int
        Number of returns.
    n_eff : float
        Effective number: so many independent returns have the same information.
    mean_bps, ci_low, ci_high : float
        Mean return of mid, + where mid moved to the signal's side, and its confidence interval,
        bps.
    p, p_adjusted : float
        p value of that mean, and the same corrected for all settings and horizons tried.
    t_naive : float
        t value if all returns were independent: too high.
    cost_bps : float
        Cost of a round trip, bps.
    net_bps, net_ci_low, net_ci_high : float
        Mean return of a taker's trade after fees, and its confidence interval, bps.
    net_p_adjusted : float
        p value of: this mean is zero, or no more than that of as many longs and shorts without
        the signal. Corrected for all settings and horizons tried.
    out_of_sample_n, out_of_sample_bps, out_of_sample_ci_low, out_of_sample_ci_high : int and float
        Number and mean return of mid in the held-out time, and its confidence interval, bps.
    out_of_sample_net_bps : float
        Mean return of a taker's trade in the held-out time, after fees, bps.
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
    out_of_sample_n: int = 0
    out_of_sample_bps: float | None = None
    out_of_sample_ci_low: float | None = None
    out_of_sample_ci_high: float | None = None
    out_of_sample_net_bps: float | None = None


@dataclass(frozen=True)
class Findings:
    """The figures of a calibration, as they are saved with settings.

    Attributes
    ----------
    verdict, reason : str
        See `obi_widgets.calibrate`.
    entry_kind : str
        States whose returns count: ``"beyond"``, ``"crossing"`` or ``"episode"``, see
        `obi_widgets.calibrate`.
    level : float
        Level of the confidence intervals, 0 to 1.
    tried : int
        Number of settings tried.
    hold_out : float
        Fraction of the time that was held out.
    start, end : str
        First and last event time, ISO 8601, UTC.
    states, seconds, episodes : int, float, int
        Number of states, time between the first and the last, and number of periods with the
        signal beyond the threshold.
    horizons : tuple of AtHorizon
        Figures of each horizon.
    horizon : float or None
        Horizon of the verdict, seconds; None if it is about none.
    break_even_bps : float or None
        Cost of one side at which the mean net return at that horizon is zero, bps.
    signal : str
        Name of the signal. Settings of another signal cannot be saved with these findings.
    origin : Provenance or None
        Data that were used; None if unknown. A file has them in ``tuned_on``, or in ``judged_on``
        if they are not the data that the settings were tuned on.
    parameters : Parameters or None
        Settings that were used; None if unknown. A file has them in ``settings``.
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
        """Figures of the verdict's horizon; None if it is about none."""
        return next((at for at in self.horizons if at.seconds == self.horizon), None)


@dataclass(frozen=True)
class Sealed:
    """The result of a sealed test, see `obi_widgets.SealedTest`.

    Attributes
    ----------
    verdict, reason : str
        ``"above zero"``, ``"below zero"`` or ``"not yet decided"``; and why, in sentences.
    market, source : str
        ``venue:SYMBOL``, and the origin of the data: ``live``, ``recording``, ``simulated`` or
        ``history``.
    sha256 : str
        Hash of everything that was sealed: settings, market, time, bounds.
    sealed_at, judged_to : str
        Event times, ISO 8601, UTC: data after the first and up to the second are judged. Empty
        without data.
    trades : int
        Number of trades that were judged, one after the other.
    seals_opened, seal_number : int
        Number of sealed tests opened on this market in the same folder and session, and the
        number of this one.
    error : float
        Probability that a bound is ever wrong, at most.
    burn_in : int
        Number of trades before the first decision.
    clip_bps : float
        Largest gain or loss that counts in ``clipped_*``, bps.
    lost : int
        Entries that a gap ended: their result is unknown, and they are not judged.
    unseen_seconds : float
        Time since the seal without data, for example while no session ran.
    decided, decided_after : str, int
        First decision of the test, and the number of trades at it; empty and 0 before.
    broken : str
        When and why the test ended; empty while it runs.
    mean_bps, interval_low, interval_high, low_bps, high_bps : float or None
        Mean net return of a trade, its two-sided interval, and its one-sided bounds, bps.
    clipped_mean_bps, clipped_low_bps, clipped_high_bps : float or None
        The same with each gain and loss cut at ``clip_bps``.
    queue : str
        Place of post-only orders in the queue, ``"back"`` or ``"front"``: the worse. Else "".
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
    queue: str = ""


def known(value: float) -> float | None:
    """Return a figure as files keep it: eight significant digits, None for NaN."""
    return None if math.isnan(value) else float(f"{value:.8g}")


def to_tables(
    provenance: Provenance | None, findings: Findings | None, sealed: Sealed | None = None
) -> dict[str, Any]:
    """Return the tables that every export writes besides the settings.

    Parameters
    ----------
    provenance : Provenance or None
        Data that the settings were tuned on; None for the data of the findings.
    findings : Findings or None
        Calibration figures.
    sealed : Sealed or None
        Result of a sealed test.

    Returns
    -------
    dict
        Tables ``tuned_on`` and ``calibration``, which say so if nothing is known; ``judged_on`` if
        the findings used other data than the settings were tuned on; ``sealed_test`` if there was
        one.
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
    """Return the ``attrs`` of a DataFrame of figures: settings, and tables of `to_tables`."""
    return {"settings": parameters.as_table(), **tables}


def from_tables(
    document: Mapping[str, Any], parameters: Parameters
) -> tuple[Provenance | None, Findings | None]:
    """Read provenance and findings from tables that `to_tables` made.

    Raises
    ------
    SettingsError
        If a table has missing or unknown fields.
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
        horizons = [_read(AtHorizon, row, "calibration.horizons") for row in table["horizons"]]
        table = {**table, "horizons": tuple(horizons)}
    findings = _read(Findings, table, "calibration")
    if origin is not None and _span(origin) != _span(findings):
        origin = None
    return provenance, replace(findings, origin=origin, parameters=parameters)


def refuse_others(
    parameters: Parameters, provenance: Provenance | None, findings: Findings | None
) -> None:
    """Refuse findings about other settings, another market or another signal.

    Raises
    ------
    SettingsError
        If something differs; the error says what.
    """
    if findings is None:
        return
    name = parameters.signal.name
    if findings.signal != name:
        raise SettingsError(
            f"The report is about another signal, {quoted(findings.signal)}. "
            f"The settings use {quoted(name)}.",
            "Save them without these findings, or calibrate them.",
        )
    judged = findings.parameters
    if judged is not None and not judged.signal.computes_as(parameters.signal):
        raise SettingsError(
            f"The report is about an earlier definition of the signal {name}.",
            "Calibrate these settings again.",
        )
    if judged is not None and judged != parameters:
        used, given = judged.as_table(), parameters.as_table()
        differ = [f"{k} = {used.get(k)!r}, not {v!r}" for k, v in given.items() if used.get(k) != v]
        raise SettingsError(
            f"The report is about other settings: {'; '.join(differ)}.",
            "Calibrate these settings, or save the settings of the report.",
        )
    origin = findings.origin
    if provenance is not None and origin is not None and origin.market != provenance.market:
        raise SettingsError(
            f"The report is about {quoted(origin.market)}, and the settings were tuned on "
            f"{quoted(provenance.market)}.",
            "Calibrate them on the market that they were tuned on.",
        )


def _span(source: Provenance | Findings) -> tuple[str, str, int]:
    return source.start, source.end, source.states


def to_table(record: Provenance | AtHorizon | Findings | Sealed) -> dict[str, Any]:
    """Return a table for a file, without unknown values, since TOML has no null."""
    table = {k: v for k, v in asdict(record).items() if v is not None and k not in BESIDE}
    if isinstance(record, Findings):
        table["horizons"] = [to_table(horizon) for horizon in record.horizons]
    return table


def sealed_of(table: object) -> Sealed:
    """Read a table ``sealed_test``.

    Raises
    ------
    SettingsError
        If it has missing or unknown fields.
    """
    return _read(Sealed, table, "sealed_test")


_Kind = TypeVar("_Kind", Provenance, AtHorizon, Findings, Sealed)

_WORDS = {"str": "text", "int": "a whole number", "float": "a number", "tuple": "tables"}


def _read(kind: type[_Kind], table: object, name: str) -> _Kind:
    takes: Mapping[str, bool] = {
        field.name: field.default is MISSING for field in fields(kind) if field.name not in BESIDE
    }
    if isinstance(table, dict):
        new = {old: now for old, now in EARLIER_NAMES.items() if now in takes and now not in table}
        table = {str(new.get(key, key)): value for key, value in table.items()}
        needed = {name for name, needs in takes.items() if needs}
        if needed <= set(table) <= set(takes):
            _check(kind, table, name)
            return kind(**table)
    found = f"has {quoted(sorted(table))}" if isinstance(table, dict) else f"is {quoted(table)}"
    exactly = "exactly " if all(takes.values()) else ""
    raise SettingsError(f"{name!r} {found}.", f"It takes {exactly}{', '.join(takes)}.")


def _check(kind: type[_Kind], table: dict[str, Any], name: str) -> None:
    """Refuse values whose type is not that of the field."""
    for field in fields(kind):
        if field.name not in table:
            continue
        value, declared = table[field.name], str(field.type)
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
                f"{field.name!r} in {name!r} is {quoted(value)}.", f"It takes {_WORDS[word]}."
            )
