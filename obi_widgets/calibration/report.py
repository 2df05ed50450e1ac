"""The report of a calibration: one setting on one history."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.executed_returns import how_filled
from obi_widgets.calibration.information_coefficient import Coefficients, Deciles, half_life
from obi_widgets.calibration.report_tables import ReportTables
from obi_widgets.calibration.statistics.bootstrap import Bootstrap, bootstrap
from obi_widgets.calibration.statistics.power import rule_seconds
from obi_widgets.calibration.verdict import MIN_EPISODES, Evidence, Judgement, Verdict, judge
from obi_widgets.checks import fraction, integer, number
from obi_widgets.history.provenance import utc
from obi_widgets.settings.provenance import (
    IMBALANCE,
    AtHorizon,
    Findings,
    known,
    labels,
    to_tables,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.calibration.as_traded import TradeGains
    from obi_widgets.calibration.episodes import Episodes, Kind
    from obi_widgets.calibration.statistics.inference import Means
    from obi_widgets.history.provenance import Provenance
    from obi_widgets.settings.parameters import Parameters

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Report(ReportTables):
    """Results of `obi_widgets.calibrate`; arrays have shape (H,), one value for each horizon.

    Attributes
    ----------
    parameters : Parameters
        The settings that were judged.
    entry_kind : {"beyond", "crossing", "episode"}
        Which states count as entries; see `obi_widgets.calibrate`.
    start, end : int
        First and last event time, nanoseconds UTC; 0 for an empty history.
    states : int
        Number of states.
    seconds : float
        Length of the record without its gaps, seconds.
    means : Means
        Mean return of mid after an entry, bps, + if the signal is right; of shape (H, 1).
    p_adjusted : ndarray of float64
        P values of ``means``, corrected by Benjamini and Hochberg for all that was tried.
    net_p_adjusted : ndarray of float64
        P values of the trades, corrected by Holm for the same: the larger of two, that the mean net
        gain is 0, and that being long and short as often at random times gains as much.
    coefficients : Coefficients
        Correlations of signal and return.
    deciles : Deciles
        Mean return of mid by decile of the signal, bps.
    hit_rate : ndarray of float64
        Fraction of entries with the right sign, among those after which mid moved; 0..1.
    traded, traded_in_sample, traded_out_of_sample : TradeGains
        Gains of trading every entry, after fees: on the whole record, in sample (before the
        hold-out), and out of sample (in the hold-out). The verdict rests on these. Of post-only
        orders, each is at each horizon the worse of two bounds.
    in_sample, out_of_sample : Means
        As ``means``, in sample and out of sample.
    episodes : Episodes
        Periods beyond the threshold.
    episodes_in_sample, episodes_out_of_sample : int
        Number of those that began in sample, and out of sample.
    hold_out : float
        Fraction of the record's time that was held out, 0..1.
    tried : int
        Number of settings that were tried, this one included.
    interval : float
        Seconds between the states of the history; 0 if it keeps every state.
    looks_ahead : str
        At which state the signal used later data; empty if none was found.
    seed : int
        Seed of the bootstrap.
    beyond : str
        Why most states have no signal, if their levels are not kept, or why none has one; empty
        otherwise.
    notes : tuple of str
        Limitations of the signal and the history, one or two sentences each.
    signal : str
        Name of the signal that was judged.
    origin : Provenance or None
        Market, time span and hash of the history; None if it was empty.
    bounds : tuple of TradeGains
        For post-only orders the gains on the whole record if last and if first in the queue; empty
        for a taker.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=120, seed=1)
    >>> report = obi.calibrate(history, obi.Settings(fee_bps=5), horizons=(1, 5))
    >>> report.horizons
    array([1., 5.])
    """

    parameters: Parameters
    entry_kind: Kind
    start: int
    end: int
    states: int
    seconds: float
    means: Means
    p_adjusted: Floats
    net_p_adjusted: Floats
    coefficients: Coefficients
    deciles: Deciles
    hit_rate: Floats
    traded: TradeGains
    traded_in_sample: TradeGains
    traded_out_of_sample: TradeGains
    in_sample: Means
    out_of_sample: Means
    episodes: Episodes
    episodes_in_sample: int
    episodes_out_of_sample: int
    hold_out: float
    tried: int
    interval: float = 0.0
    looks_ahead: str = ""
    seed: int = 0
    beyond: str = ""
    notes: tuple[str, ...] = ()
    signal: str = IMBALANCE
    origin: Provenance | None = None
    bounds: tuple[TradeGains, ...] = ()

    def __repr__(self) -> str:
        market = self.origin.market if self.origin is not None else ""
        return f"<Report {market and market + ' '}{self.verdict}: {self.reason}>"

    @property
    def horizons(self) -> Floats:
        """The horizons, seconds, ascending."""
        return self.means.horizons

    @property
    def cost_bps(self) -> Floats:
        """Mean cost of a round trip, bps: the fees of both sides, and the spread unless at mid."""
        return self.traded.cost_bps

    @cached_property
    def bootstrap(self) -> Bootstrap:
        """The means by resampling; computed when asked for, since no verdict rests on it."""
        return bootstrap(self.means, seed=self.seed)

    @cached_property
    def judgement(self) -> Judgement:
        """The verdict with its reason and horizon."""
        means = self.means
        shortage = means.shortage(0) if np.isnan(means.p).all() else self.traded.shortage
        return judge(
            Evidence(
                self.traded,
                self.traded_in_sample,
                self.traded_out_of_sample,
                self.net_p_adjusted,
                means.mean_bps[:, 0],
                means.ci_low[:, 0],
                means.ci_high[:, 0],
                self.p_adjusted,
                (len(self.episodes), self.episodes_in_sample, self.episodes_out_of_sample),
                self.episodes.share_on,
                more=self._more,
                hold=self.parameters.hold_seconds,
                filled=how_filled(self.parameters),
                interval=self.interval,
                shortage=shortage,
                level=1 - means.level,
                looks_ahead=self.looks_ahead,
                beyond=self.beyond,
            )
        )

    @property
    def verdict(self) -> Verdict:
        """``"viable"``, ``"not viable"`` or ``"not enough data"``."""
        return self.judgement.verdict

    @property
    def reason(self) -> str:
        """The reason for the verdict, in words."""
        return self.judgement.reason

    @property
    def break_even_bps(self) -> float:
        """Break-even cost of one side (half-spread and fee), bps, at the horizon of the verdict.

        Half of the mean move of mid in the direction of the trade; NaN if that is not above 0.
        """
        at = self.judgement.horizon
        move = self.traded.move_bps[at] if at >= 0 else np.nan
        return float(move / 2) if move > 0 else np.nan

    @cached_property
    def findings(self) -> Findings:
        """The results that `Settings.save` writes beside the settings."""
        start, end = utc([self.start, self.end])
        judged_horizon = self.judgement.horizon
        return Findings(
            verdict=self.verdict,
            reason=self.reason,
            entry_kind=self.entry_kind,
            level=float(self.means.level),  # NumPy scalars cannot be written to the file
            tried=int(self.tried),
            hold_out=float(self.hold_out),
            start=start,
            end=end,
            states=self.states,
            seconds=self.seconds,
            episodes=len(self.episodes),
            horizons=tuple(self._at_horizon(row) for row in range(len(self.horizons))),
            horizon=float(self.horizons[judged_horizon]) if judged_horizon >= 0 else None,
            break_even_bps=known(self.break_even_bps),
            signal=self.signal,
            origin=self.origin,
            parameters=self.parameters,
        )

    def _at_horizon(self, row: int) -> AtHorizon:
        whole, out_of_sample, traded = self.means, self.out_of_sample, self.traded
        return AtHorizon(
            seconds=float(self.horizons[row]),
            n=int(whole.n[row, 0]),
            n_eff=known(whole.n_eff[row, 0]),
            mean_bps=known(whole.mean_bps[row, 0]),
            ci_low=known(whole.ci_low[row, 0]),
            ci_high=known(whole.ci_high[row, 0]),
            p=known(whole.p[row, 0]),
            p_adjusted=known(self.p_adjusted[row]),
            t_naive=known(whole.t_naive[row, 0]),
            cost_bps=known(traded.cost_bps[row]),
            net_bps=known(traded.net_bps[row]),
            net_ci_low=known(traded.ci_low[row]),
            net_ci_high=known(traded.ci_high[row]),
            net_p_adjusted=known(self.net_p_adjusted[row]),
            out_of_sample_n=int(out_of_sample.n[row, 0]),
            out_of_sample_bps=known(out_of_sample.mean_bps[row, 0]),
            out_of_sample_ci_low=known(out_of_sample.ci_low[row, 0]),
            out_of_sample_ci_high=known(out_of_sample.ci_high[row, 0]),
            out_of_sample_net_bps=known(self.traded_out_of_sample.net_bps[row]),
        )

    def seconds_needed(self, effect_bps: float | None = None, *, power: float = 0.8) -> float:
        """Return the length of record at which a true gain would be judged viable.

        The formula is in `obi_widgets.calibration.statistics.power`.

        Parameters
        ----------
        effect_bps : float, optional
            True mean net gain of a trade at the horizon of the verdict, bps, −1e5..1e5. The
            default is the cost of a round trip.
        power : float
            Probability of the verdict "viable" at that length, 0..1.

        Returns
        -------
        float
            Total seconds; at least the time in which 10 episodes begin both in sample and out of
            sample. Infinite if the gain is not above 0; NaN if the record is too short to say.

        Raises
        ------
        SettingsError
            If ``effect_bps`` or ``power`` is not possible.
        """
        at = max(self.judgement.horizon, 0)
        power = fraction("power", power)
        effect = (
            float(self.traded.cost_bps[at])
            if effect_bps is None
            else effect_bps
            if isinstance(effect_bps, float) and np.isnan(effect_bps)  # then nothing is known
            else number("effect_bps", effect_bps, -1e5, 1e5, "bps")
        )
        return self._seconds_needed(effect, at, power)

    def _seconds_needed(self, effect: float, at: int, power: float = 0.8) -> float:
        needed = rule_seconds(
            effect,
            float(self.traded.se_bps[at]),
            float(self.traded.b[at]),
            self.seconds,
            power=power,
            hold_out=self.hold_out,
            level=1 - self.means.level,
            tests=round(self.tried * len(self.horizons)),
        )
        shorter = min(self.hold_out, 1 - self.hold_out)
        episodes = MIN_EPISODES * self.seconds / (max(len(self.episodes), 1) * shorter)
        return float(np.maximum(needed, episodes))

    def weakest_bps(self, at: int) -> float:
        """Return the smallest of the gains that must be above 0 at a horizon to be viable.

        These are the net and the excess gain on the whole record, in sample and out of sample.

        Parameters
        ----------
        at : int
            Position of the horizon in ``horizons``, from 0.

        Returns
        -------
        float
            Bps; NaN if nothing is known.
        """
        at = integer("at", at, 0, len(self.horizons) - 1)
        parts = (self.traded, self.traded_in_sample, self.traded_out_of_sample)
        gains = np.array([(part.net_bps[at], part.excess_bps[at]) for part in parts])
        return float(np.fmin.reduce(gains, axis=None))

    def _more(self, at: int) -> float:
        """Return how many more seconds the weakest gain needs; NaN if none, or not known."""
        more = self._seconds_needed(self.weakest_bps(at), at) - self.seconds
        return more if 0 < more < np.inf else np.nan

    @property
    def told(self) -> dict[str, Any]:
        """Settings, origin and verdict as plain tables: the ``attrs`` of its DataFrames.

        Not every file format of pandas keeps ``attrs``: a spreadsheet does not.
        """
        return labels(self.parameters, to_tables(None, self.findings))

    @property
    def ic_half_life(self) -> float:
        """Seconds until the information coefficient has halved from its peak; NaN if it has not."""
        return half_life(self.horizons, self.coefficients.ic)
