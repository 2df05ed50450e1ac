"""The notes under the controls of settings: what each setting does to the newest data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from obi_widgets.parameters import Band, Levels
from obi_widgets.presentation.texts import effects
from obi_widgets.signals.insight import Note
from obi_widgets.trading.declared import MOST_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.presentation.frames.frame import Frame, Reach


def setting_notes(frame: Frame, *, unfolded: bool) -> Mapping[str, Note]:
    """Return the note under each control, by the name of its setting.

    Parameters
    ----------
    frame : Frame
        What the lab shows.
    unfolded : bool
        Whether the settings that are changed less often are shown.
    """
    parameters, reach = frame.parameters, frame.reach
    notes = {
        **reach.notes,
        "threshold": Note(effects.threshold_effect(frame.beyond)),
        MOST_PER_HOUR.name: Note(frame.cap),
    }
    own = parameters.signal.parameters
    depth = next((name for name, p in own.items() if isinstance(p.kind, Levels)), None)
    band = next((name for name, p in own.items() if isinstance(p.kind, Band)), None)
    shown: Reach = reach
    if reach.shortfall is not None and band is not None:
        at_band = depth is None or (reach.shortfall.setting == "band_bps" and unfolded)
        if at_band:
            notes[band] = Note(reach.shortfall.sentence, warning=True)
            shown = replace(reach, shortfall=None, inferred=0.0)
    if depth is not None:
        notes[depth] = effects.depth_effect(dict(parameters.values)[depth], shown)
    elif reach.inferred:
        notes[band or "threshold"] = Note(effects.inferred_share(reach), warning=True)
    return notes
