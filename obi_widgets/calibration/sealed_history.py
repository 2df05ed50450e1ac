"""A sealed test on the part of a history after a time, as if it had been sealed then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.seal import Seen, make_seal
from obi_widgets.calibration.sealed import SealedTest
from obi_widgets.errors import SealError
from obi_widgets.history.given import as_history
from obi_widgets.history.incoming import moment
from obi_widgets.settings.parameters import Parameters

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings


def sealed_test(
    history: History,
    settings: Settings | Parameters,
    *,
    after: object,
    clip_bps: float | None = None,
) -> SealedTest:
    """Test settings on the part of a history after a time, as if they had been sealed then.

    The result is valid only if the settings were chosen without the data after that time, which
    cannot be checked here. To be sure, seal first: `obi_widgets.Session.seal`.

    Parameters
    ----------
    history : History
        T states.
    settings : Settings or Parameters
        The settings to test, all of them.
    after : int, datetime, datetime64, str or pandas.Timestamp
        Only states after this event time are judged. A number is nanoseconds UTC; a time without a
        zone is UTC.
    clip_bps : float, optional
        Size at which gains and losses are clipped for the exact bound, bps; 0.1 to 10,000. The
        default is the largest gain or loss before ``after``, rounded up; 100 if there are fewer
        than 30 entries.

    Returns
    -------
    SealedTest

    Raises
    ------
    HistoryError
        If ``history`` is no history.
    SettingsError
        If ``settings`` are no settings, the source of their signal is unknown, or ``after`` is no
        time.
    SealError
        If ``after`` is not within the history, or ``clip_bps`` is not possible.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=600, seed=1)
    >>> settings = obi.Settings(hold_seconds=1)
    >>> test = obi.sealed_test(history, settings, after=history.time[1000])
    >>> test.verdict
    'below zero'
    >>> test.to_frame().columns.tolist()
    ['side', 'entry_time', 'exit_time', 'net_bps']
    """
    history = as_history(history)
    parameters = Parameters.of(settings)
    at = moment("after", after)
    if not len(history) or not history.time[0] <= at < history.time[-1]:
        raise SealError(
            f"after = {after!r} is {at:,} ns, and not within {history!r}.",
            "Give a time between its first and its last state.",
        )
    past = history[: int(np.searchsorted(history.time, at, side="right"))]
    seal = make_seal(past, parameters, source="history", clip_bps=clip_bps)
    test = SealedTest(seal)
    test.seen = Seen.of(past, len(past) - 1)
    test.update(history)
    return test
