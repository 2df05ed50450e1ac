"""The status line."""

from __future__ import annotations

import logging
import math
from functools import cache
from typing import TYPE_CHECKING, Any

from obi_widgets.errors import ObiError
from obi_widgets.presentation import formatting
from obi_widgets.widgets.panel import Part, StateWidget, asset, check_frame, checked_session

if TYPE_CHECKING:
    from obi_widgets.presentation.frame import Frame
    from obi_widgets.session.session import Session
    from obi_widgets.signals.signal import Signal

log = logging.getLogger(__name__)


class _Line(StateWidget):
    _esm = asset("nodes.js", "status.js")


class StatusWidget(Part):
    """Symbol, venue, state of the feed, mid, spread, signal, age, messages a second.

    Buttons beside them choose the window of the charts, pause, and export. A line below shows
    errors and notes.

    Parameters
    ----------
    session : Session
        Session to show; it is started.
    alone : bool
        False if another widget shows the frames.
    """

    css_class = "obi-part-status"

    def __init__(self, session: Session, *, alone: bool = True) -> None:
        self._line = _Line(state=_nothing(checked_session(session, "StatusWidget", alone=alone)))
        self._line.on_msg(self._do)
        self._session = session
        self._windows = _windows(session)
        super().__init__(session, [self._line], alone=alone)

    def _do(self, _: object, content: dict[str, Any], __: object) -> None:
        """Run the action of a button. Errors are shown; an exception would not be seen."""
        try:
            match content.get("do"):
                case "pause":
                    self._session.pause()
                case "resume":
                    self._session.resume()
                case "window":
                    self._session.look_at(float(content["seconds"]))
                case "export":
                    path = self._session.export(str(content["path"]), replace=False)
                    self._session.tell(f"Saved to {path}.")
        except (ObiError, OSError, ValueError) as error:
            self._session.tell(str(error))
        except Exception as error:
            log.exception("A button failed.")
            self._session.tell(f"That failed: {error!r}. Please report this.")

    def update(self, frame: Frame) -> None:
        """Show a frame."""
        check_frame(frame)
        of = frame.parameters.signal
        detail = f"{frame.detail} {frame.advice}".strip()
        bad = frame.state != "live" and _bad(frame)
        # The end of a recording must not hide a note or an error of the signal.
        trouble = detail if bad or (frame.state != "live" and not frame.trouble) else ""
        receiving = frame.state in ("live", "stale") and not frame.paused
        self._line.state = {
            "symbol": frame.instrument.symbol,
            "venue": frame.instrument.label,
            "state": "replay" if frame.replay and frame.state == "live" else frame.state,
            "old": frame.old,
            "paused": frame.paused,
            "mid": formatting.mid(frame.mid, frame.tick_size),
            "spread": formatting.bps(frame.spread_bps),
            "signal": formatting.signal(frame.signal, frame.signal_range, of.unit),
            "side": formatting.side(frame.signal, frame.signal_range),
            **_names(of),
            "age": None if math.isnan(frame.age) or frame.paused else round(frame.age, 3),
            "late": formatting.late(frame.lag, frame.late) if receiving else ("", ""),
            "rate": formatting.number(frame.rate, 0),
            "windows": self._windows,
            "window": frame.window_seconds,
            "message": trouble or frame.note or frame.trouble or detail,
            "told": frame.told if frame.note and not trouble else 0,
            "tone": "bad" if bad or (frame.trouble and not trouble and not frame.note) else "",
            "file": file_name(frame.instrument.symbol),
        }


def _bad(frame: Frame) -> bool:
    """Return whether a frame is not live because of an error, and not while starting."""
    if frame.state in ("connecting", "syncing"):
        return bool(frame.advice)
    return frame.state != "closed"


@cache
def file_name(symbol: str) -> str:
    """Return a file name for a symbol's settings, valid on any file system."""
    safe = "".join(c if c.isascii() and c.isalnum() else "-" for c in symbol.lower())
    return f"{safe.strip('-') or 'settings'}.toml"


def _windows(session: Session) -> list[tuple[float, str, str]]:
    """Return the windows to choose from: seconds, short name, and long name."""
    return [(seconds, *formatting.window(seconds)) for seconds in session.windows]


def _names(of: Signal) -> dict[str, str]:
    """Return the signal's name, and its description for a tooltip."""
    return {"signal_name": of.name.replace("_", " "), "signal_title": formatting.about(of)}


def _nothing(session: Session) -> dict[str, Any]:
    instrument = session.market.instrument
    return {
        "symbol": instrument.symbol,
        "venue": instrument.label,
        "state": session.market.state,
        "old": False,
        "paused": False,
        "mid": formatting.NOTHING,
        "spread": formatting.NOTHING,
        "signal": formatting.NOTHING,
        "side": "",
        **_names(session.settings.signal),
        "age": None,
        "late": ("", ""),
        "rate": formatting.NOTHING,
        "windows": _windows(session),
        "window": session.time_range.seconds,
        "message": "",
        "told": 0,
        "tone": "",
        "file": file_name(instrument.symbol),
    }
