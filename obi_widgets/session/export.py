"""Settings as a file, with what they were tuned on and what calibration says of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from obi_widgets.session.background_calibration import part
from obi_widgets.settings.settings import Settings

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.session.sealing import Sealing
    from obi_widgets.session.trials import Tried
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.provenance import Findings


class Exported(Protocol):
    """A session, as far as an export looks at it."""

    settings: Settings
    tried: Tried
    sealing: Sealing

    @property
    def selected(self) -> Span | None:
        """The part that calibration looks at; None for all."""

    def shown(self) -> History:
        """Return the states that are shown."""


def found_of(session: Exported, history: History, parameters: Parameters) -> Findings | None:
    """Return what calibration says of settings on the selected part; None without a state."""
    from obi_widgets.calibration.calibrate import calibrate

    rows = part(history, session.selected)
    if not len(rows):
        return None
    tried = session.tried.add(parameters, session.selected)
    return calibrate(rows, parameters, tried=tried).findings


def export(session: Exported, path: str | Path, *, replace: bool) -> Path:
    """Save the settings of a session; see `Session.export`."""
    path = Path(path)
    number = 2
    while not replace and path.exists():
        path = path.with_stem(f"{Path(path).stem.removesuffix(f'-{number - 1}')}-{number}")
        number += 1
    # Data stream and sliders move meanwhile: all that is told is of this moment.
    history, parameters = session.shown(), session.settings.parameters
    sealed = session.sealing.findings()
    told, found = history.provenance, found_of(session, history, parameters)
    if path.suffix == ".py":
        from obi_widgets.strategy.export import export_strategy

        return export_strategy(
            path, parameters, history, provenance=told, findings=found, sealed=sealed
        )
    settings = Settings(**parameters.as_dict()) if told else session.settings
    return settings.save(path, provenance=told, findings=found, sealed=sealed)
