"""Export of settings to a file, with the data they were tuned on and their calibration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from obi_widgets.errors import SettingsError
from obi_widgets.session.background_calibration import part
from obi_widgets.settings.settings import Settings

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.session.sealing import Sealing
    from obi_widgets.session.trials import Tried
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.provenance import Findings

ENDINGS = (".toml", ".json", ".py")
"""What a file may end in: settings in two formats, and a strategy."""


class Exported(Protocol):
    """The attributes of a session that an export uses."""

    settings: Settings
    tried: Tried
    sealing: Sealing

    @property
    def selected(self) -> Span | None:
        """The part that calibration uses, nanoseconds UTC; None for all states."""

    def shown(self) -> History:
        """Return the states that the screen shows."""


def found_of(session: Exported, history: History, parameters: Parameters) -> Findings | None:
    """Return what a calibration of the selected part finds; None if the part has no states."""
    from obi_widgets.calibration.calibrate import calibrate

    rows = part(history, session.selected)
    if not len(rows):
        return None
    tried = session.tried.add(parameters, session.selected)
    return calibrate(rows, parameters, tried=tried).findings


def export(session: Exported, path: str | Path, *, replace: bool) -> Path:
    """Save the settings of a session; see `Session.export`."""
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise SettingsError(
            f"{path.name!r} ends in {path.suffix!r}.",
            "Settings are saved as .toml or .json, a strategy as .py.",
        )
    number = 2
    while not replace and path.exists():
        path = path.with_stem(f"{Path(path).stem.removesuffix(f'-{number - 1}')}-{number}")
        number += 1
    # Data and settings may change meanwhile: take both once, so that the file is consistent.
    history, parameters = session.shown(), session.settings.parameters
    sealed = session.sealing.findings()
    provenance, found = history.provenance, found_of(session, history, parameters)
    if path.suffix == ".py":
        from obi_widgets.strategy.export import export_strategy

        return export_strategy(
            path, parameters, history, provenance=provenance, findings=found, sealed=sealed
        )
    settings = Settings(**parameters.as_dict()) if provenance else session.settings
    return settings.save(path, provenance=provenance, findings=found, sealed=sealed)
