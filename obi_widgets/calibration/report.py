"""Whether a signal survives its costs and honest statistics, on one history."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.as_traded import Traded
from obi_widgets.calibration.information_coefficient import Coefficients, Deciles, half_life
from obi_widgets.calibration.statistics.bootstrap import Bootstrap, bootstrap
from obi_widgets.calibration.statistics.power import rule_seconds
from obi_widgets.calibration.verdict import MIN_EPISODES, Evidence, Judgement, Verdict, judge
from obi_widgets.checks import fraction, integer, number
from obi_widgets.history.provenance import utc
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.provenance import (
    IMBALANCE,
    AtHorizon,
    Findings,
    known,
    labels,
    to_tables,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.calibration.as_traded import Traded
    from obi_widgets.calibration.episodes import Episodes, Kind
    from obi_widgets.calibration.statistics.inference import Means
    from obi_widgets.history.provenance import Provenance
    from obi_widgets.settings.parameters import Parameters

    Floats = NDArray[np.float64]

SHOWN = ("n", "n_eff", "mean_bps", "ci_low", "ci_high", "t_naive", "p_adjusted", "rank_ic")
"""Of a table, what a notebook shows of a report by itself, beside ``net_bps``."""


@dataclass(frozen=True, eq=False)
class Report:
    """What a calibration found; arrays of shape (H,), a value a horizon.

    Attributes
    ----------
    parameters : Parameters
        What was judged.
    entry_kind : str
        Which states count; see `obi_widgets.calibration.episodes.Kind`.
    start, end : int
        First and last event time, nanoseconds UTC; 0 of an empty history.
    states : int
        How many.
    seconds : float
        How long the book was in sync between them.
    means : Means
        The mean return after an event at each horizon, and how sure it is; one cell.
    p_adjusted : ndarray of float64
        Of ``means``, after Benjamini and Hochberg, over all horizons of all settings that were
        tried.
    net_p_adjusted : ndarray of float64
        Of what was traded: that a trade makes nothing, net, or no more than being long and short
        as often without looking; the larger of the two. After Holm, over the same.
    coefficients : Coefficients
        Of correlation between the signal and the return.
    deciles : Deciles
        The mean return by decile of the signal.
    hit_rate : ndarray of float64
        How often the sign was right, of the events after which mid moved.
    traded, traded_inside, traded_outside : Traded
        What a taker would have made of the events, after fees: on the whole, before the time that
        was held out, and in it. The verdict rests on these.
    outside : Means
        As ``means``, of the time that was held out.
    inside : Means
        As ``means``, of the time before.
    episodes : Episodes
        Stretches beyond the threshold.
    episodes_inside, episodes_outside : int
        How many of them began before the time held out, and in it.
    hold_out : float
        The share of the time that was held out.
    tried : int
        How many settings were looked at, this one included.
    interval : float
        Seconds between the states that were kept, 0 for every one.
    looks_ahead : str
        Where the signal was seen to know what comes after it; empty where it was not.
    seed : int
        Of the bootstrap.
    beyond : str
        Why most states have no signal: the settings reach beyond the levels that are kept. Empty
        where most have one.
    notes : tuple of str
        What one must know of the signal and of the history, a sentence each.
    signal : str
        The name of the settings' signal, or of another one that was given.
    origin : Provenance or None
        What was judged: market, span and hash; None of an empty history.
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
    traded: Traded
    traded_inside: Traded
    traded_outside: Traded
    inside: Means
    outside: Means
    episodes: Episodes
    episodes_inside: int
    episodes_outside: int
    hold_out: float
    tried: int
    interval: float = 0.0
    looks_ahead: str = ""
    seed: int = 0
    beyond: str = ""
    notes: tuple[str, ...] = ()
    signal: str = IMBALANCE
    origin: Provenance | None = None

    def __repr__(self) -> str:
        market = self.origin.market if self.origin is not None else ""
        return f"<Report {market and market + ' '}{self.verdict}: {self.reason}>"

    def _repr_html_(self) -> str:
        word, reason = self.verdict.capitalize(), html.escape(self.reason)
        table = self.table[list(SHOWN)].assign(net_bps=self.traded.net_bps)
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        figures = table.to_html(float_format="{:,.3g}".format)
        of = html.escape(f"Of {self.signal}, {self.origin or 'no state'}.")
        return f"<p><b>{word}.</b> {reason}</p>{notes}{figures}<p>{of}</p>"

    @property
    def horizons(self) -> Floats:
        """Seconds."""
        return self.means.horizons

    @property
    def cost_bps(self) -> Floats:
        """What a round trip costs on average: both fees, and the spread unless mid is paid."""
        return self.traded.cost_bps

    @property
    def as_traded(self) -> pd.DataFrame:
        """A DataFrame, a row a horizon (its index, in seconds): what a taker would have made.

        ``n`` trades, one an event, each by itself; ``gross_bps`` touch to touch (or mid to mid,
        see ``Settings.price``); ``net_bps`` after the fees of both sides, ``ci_low, ci_high`` its
        confidence interval; ``cost_bps`` of a round trip; ``won`` the fraction that made more
        than their fees; ``excess_bps`` with ``excess_low, excess_high`` what was made beyond being
        long and short as often without looking; ``longs`` the fraction that were long;
        ``p_adjusted`` that the trades' net, or this excess, is nothing, for all that was tried;
        ``inside_bps`` and ``outside_bps`` the net before the time held out and in it, with their
        intervals. Trades that overlap are no strategy: see `obi_widgets.entries`.
        """
        table = self.traded.to_frame().assign(p_adjusted=self.net_p_adjusted)
        for name, part in (("inside", self.traded_inside), ("outside", self.traded_outside)):
            table[f"{name}_bps"] = part.net_bps
            table[f"{name}_low"], table[f"{name}_high"] = part.ci_low, part.ci_high
        table.attrs.update(self.told)
        return table

    @cached_property
    def bootstrap(self) -> Bootstrap:
        """The means by resampling; when it is asked for, since no verdict rests on it."""
        return bootstrap(self.means, seed=self.seed)

    @cached_property
    def judgement(self) -> Judgement:
        """The verdict with its reason and horizon."""
        means = self.means
        shortage = "" if not np.isnan(means.p).all() else means.shortage(0)
        return judge(
            Evidence(
                self.traded,
                self.traded_inside,
                self.traded_outside,
                self.net_p_adjusted,
                means.mean_bps[:, 0],
                means.ci_low[:, 0],
                means.ci_high[:, 0],
                self.p_adjusted,
                (len(self.episodes), self.episodes_inside, self.episodes_outside),
                self.episodes.share_on,
                more=self._more,
                hold=self.parameters.hold_seconds,
                at_mid=self.parameters.price == "mid",
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
        """Why, in a sentence."""
        return self.judgement.reason

    @property
    def break_even_bps(self) -> float:
        """The cost of one side, spread and fee, at which a trade of the judged horizon makes 0.

        NaN for no effect.
        """
        at = self.judgement.horizon
        move = self.traded.move_bps[at] if at >= 0 else np.nan
        return float(move / 2) if move > 0 else np.nan

    @cached_property
    def findings(self) -> Findings:
        """What is kept of this in a file, beside the settings; see `Settings.save`."""
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
        whole, outside, traded = self.means, self.outside, self.traded
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
            outside_n=int(outside.n[row, 0]),
            outside_bps=known(outside.mean_bps[row, 0]),
            outside_ci_low=known(outside.ci_low[row, 0]),
            outside_ci_high=known(outside.ci_high[row, 0]),
            outside_net_bps=known(self.traded_outside.net_bps[row]),
        )

    def seconds_needed(self, effect_bps: float | None = None, *, power: float = 0.8) -> float:
        """Return how long a record would be called viable, with that chance.

        Parameters
        ----------
        effect_bps : float, optional
            What a trade of the judged horizon makes in truth, net, bps; as much as it costs to
            trade when left out.
        power : float
            The chance of finding it, 0..1.

        Returns
        -------
        float
            Seconds in all, and never less than it takes for `MIN_EPISODES` episodes in both parts;
            less than the record has where it is long enough. NaN where the record is too short
            to tell.
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
        """Return the least of all that has to be above 0 at a horizon, for a verdict of viable.

        That is what trades made, net, and beyond being long and short as often without looking, on
        the whole and in both parts; bps, NaN where nothing is known.

        Parameters
        ----------
        at : int
            The horizon's number.
        """
        at = integer("at", at, 0, len(self.horizons) - 1)
        parts = (self.traded, self.traded_inside, self.traded_outside)
        gains = np.array([(part.net_bps[at], part.excess_bps[at]) for part in parts])
        return float(np.fmin.reduce(gains, axis=None))

    def _more(self, at: int) -> float:
        """Return how many seconds more would tell of the weakest gain; NaN for never."""
        more = self._seconds_needed(self.weakest_bps(at), at) - self.seconds
        return more if 0 < more < np.inf else np.nan

    @property
    def table(self) -> pd.DataFrame:
        """A DataFrame, a row a horizon (its index, in seconds).

        ``n`` events; ``n_eff`` as many independent ones would know as much; ``mean_bps`` the mean
        return, + where the signal is right; ``se_bps`` and ``t`` Newey–West's at the overlap;
        ``p, ci_low, ci_high`` from the error that overlap does not make too small (Hodrick's,
        with fixed-b critical values; see `obi_widgets.calibration.statistics.inference`),
        ``t_hodrick`` its t; ``t_naive`` as if all were independent: a warning; ``t_bootstrap,
        p_bootstrap`` of a studentised stationary bootstrap; ``p_adjusted`` for all that was tried;
        ``hit_rate``;
        ``ic, rank_ic`` correlations of signal and return; ``cost_bps`` of a round trip;
        ``outside_bps`` the mean in the time held out.
        """
        import pandas as pd

        m, b, c = self.means, self.bootstrap, self.coefficients
        columns: dict[str, Any] = {
            name: getattr(m, name)[:, 0] for name in ("n", "n_eff", "mean_bps", "se_bps", "t")
        }
        columns |= {name: getattr(m, name)[:, 0] for name in ("p", "ci_low", "ci_high")}
        columns |= {"t_hodrick": m.t_hodrick[:, 0], "t_naive": m.t_naive[:, 0]}
        columns |= {"t_bootstrap": b.t[:, 0], "p_bootstrap": b.p[:, 0]}
        columns |= {"p_adjusted": self.p_adjusted, "hit_rate": self.hit_rate}
        columns |= {"ic": c.ic, "rank_ic": c.rank_ic, "cost_bps": self.cost_bps}
        columns["outside_bps"] = self.outside.mean_bps[:, 0]
        table = pd.DataFrame(columns, index=pd.Index(self.horizons, name="horizon"))
        table.attrs.update(self.told)
        return table

    @property
    def told(self) -> dict[str, Any]:
        """Settings, origin and verdict as plain tables: what its DataFrames have in ``attrs``.

        Not every file that pandas writes keeps them: a spreadsheet does not.
        """
        return labels(self.parameters, to_tables(None, self.findings))

    @property
    def ic_half_life(self) -> float:
        """Seconds until the information coefficient has halved; NaN where it has not."""
        return half_life(self.horizons, self.coefficients.ic)
