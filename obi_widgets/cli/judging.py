"""Settings of a file, judged on a recording, for the commands that do so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from obi_widgets.calibration.calibrate import calibrate
from obi_widgets.calibration.forward_returns import DEFAULT_HORIZONS
from obi_widgets.cli.config import read_config, with_changes
from obi_widgets.feeds.loading import load
from obi_widgets.settings.provenance import to_tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from obi_widgets.calibration.report import Report
    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings


class Judged(NamedTuple):
    """Settings, the history that they were judged on, and the report."""

    settings: Settings
    history: History
    report: Report

    def as_object(self) -> dict[str, Any]:
        """Return it as an object of JSON: the tables of an exported file, and the settings."""
        tables = to_tables(self.history.provenance, self.report.findings)
        return {
            "type": "calibration",
            "verdict": self.report.verdict,
            "reason": self.report.reason,
            "settings": self.settings.parameters.as_table(),
            "judged_on": tables["tuned_on"],
            "calibration": tables["calibration"],
        }


def judge(
    config: str,
    recording: Sequence[str],
    *,
    changes: Sequence[str] = (),
    market: str | None = None,
    horizons: Sequence[float] = (),
    tried: int = 1,
    kept: Mapping[str, Any] | None = None,
) -> Judged:
    """Calibrate the settings of a file on a recording.

    Parameters
    ----------
    config : str
        The settings file.
    recording : sequence of str
        Paths, as `obi_widgets.load` takes them.
    changes : sequence of str
        See `with_changes`.
    market : str, optional
        Which market of a folder.
    horizons : sequence of float
        Seconds; the usual ones if there are none.
    tried : int
        Number of settings that were tried on these data.
    kept : mapping, optional
        ``levels`` and ``interval`` in place of those that the file was tuned with.
    """
    found = read_config(config)
    settings = with_changes(found.settings, changes)
    paths = recording[0] if len(recording) == 1 else [*recording]
    history = load(paths, market=market, **{**found.kept, **(kept or {})})
    report = calibrate(history, settings, horizons=horizons or DEFAULT_HORIZONS, tried=tried)
    return Judged(settings, history, report)
