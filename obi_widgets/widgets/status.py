"""The status line."""

from __future__ import annotations

import logging
import math
from functools import cache
from typing import TYPE_CHECKING, Any

from obi_widgets.errors import ObiError, SettingsError, quoted
from obi_widgets.kernels import loader
from obi_widgets.market_data.events import CURRENT
from obi_widgets.presentation.frames.kept import Kept
from obi_widgets.presentation.still.still import of_figures
from obi_widgets.presentation.texts import formatting
from obi_widgets.presentation.texts.instrument_units import unit_of
from obi_widgets.widgets.assets import asset
from obi_widgets.widgets.panel import Part, StateWidget, checked_session

if TYPE_CHECKING:
    from obi_widgets.market_data.events import Instrument
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.presentation.still.still import Still
    from obi_widgets.session.session import Session
    from obi_widgets.signals.signal import Signal
    from obi_widgets.widgets.page import Changes

log = logging.getLogger(__name__)


class _Line(StateWidget):
    _esm = asset("nodes.js", "keys.js", "bell.js", "export.js", "status.js")


class StatusWidget(Part):
    """Symbol, venue, state of the feed, mid, spread, signal, age, messages a second.

    Buttons beside them choose the window of the charts, pause, and export. A line below shows
    errors and notes, and what is being compiled.

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
        self._named: Kept[dict[str, str]] = Kept()
        loader.shown_by(self)
        super().__init__(session, [self._line], alone=alone)

    def close(self) -> None:
        """Close the widget; the session goes on."""
        loader.shown_by(self, shows=False)
        super().close()

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
                case "now":
                    self._session.look_at(self._session.time_range.seconds)
                case "pan":
                    self._session.pan(float(content["share"]))
                case "zoom":
                    self._session.zoom(float(content["factor"]), float(content["at"]))
                case "undo":
                    self._session.settings.undo()
                case "redo":
                    self._session.settings.redo()
                case "alert":
                    self._session.alert(_level(str(content["level"])))
                case "silence":
                    self._session.stop_alerts()
                case "link":
                    self._line.send({"link": self._session.link()})
                case "export":
                    path = self._session.export(str(content["path"]), replace=False).absolute()
                    self._line.send({"saved": str(path)}, [path.read_bytes()])
        except (ObiError, OSError, ValueError) as error:
            self._session.tell(str(error))
        except Exception as error:
            log.exception("A button failed.")
            self._session.tell(f"That failed: {error!r}. Please report this.")

    def _changes(self, frame: Frame) -> Changes:
        """Yield what a frame shows."""
        of = frame.parameters.signal
        detail = f"{frame.detail} {frame.advice}".strip()
        bad = frame.state not in CURRENT and _bad(frame)
        # The end of a recording must not hide a note or an error of the signal.
        trouble = detail if bad or (frame.state not in CURRENT and not frame.trouble) else ""
        receiving = frame.state in {*CURRENT, "stale"} and not frame.paused
        state = {
            **self._named.of(frame.instrument, of, make=lambda: _named(frame.instrument, of)),
            "state": "replay" if frame.replay and frame.state == "live" else frame.state,
            "old": frame.old,
            "paused": frame.paused,
            "mid": formatting.mid(frame.mid, frame.tick_size),
            "spread": formatting.spread(frame.spread, frame.mid, frame.tick_size),
            "signal": formatting.signal(
                frame.signal,
                frame.signal_range,
                unit_of(of, frame.instrument),
                directional=of.directional,
            ),
            "side": formatting.side(frame.signal, frame.signal_range, directional=of.directional),
            "age": None if math.isnan(frame.age) or frame.paused else round(frame.age, 3),
            "late": formatting.late(frame.lag, frame.late) if receiving else ("", ""),
            "rate": formatting.number(frame.rate, 0),
            "windows": self._windows,
            "window": frame.window_seconds,
            "zoomed": _zoomed(frame.window_seconds, self._windows),
            "back": frame.looking_back,
            "bell": bell_state(frame),
            "message": trouble or frame.note or frame.trouble or detail or loader.sentence(),
            "told": frame.told if frame.note and not trouble else 0,
            "tone": "bad" if bad or (frame.trouble and not trouble and not frame.note) else "",
        }
        yield self._line, {"state": state}

    def _picture(self, frame: Frame) -> Still:
        """Return the figures and the settings."""
        return of_figures(frame)


def _bad(frame: Frame) -> bool:
    """Return whether a frame is not current because of an error, and not while starting."""
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


def _zoomed(seconds: float, windows: list[tuple[float, str, str]]) -> str:
    """Return the length of the window if it is none of those to choose from, such as "4:54"."""
    if any(seconds == one for one, _, _ in windows):
        return ""
    return formatting.clock_length(seconds)


def _level(text: str) -> float | None:
    """Return the level that was typed; None for the threshold."""
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise SettingsError(
            f"level = {quoted(text)} is not possible.", "Give a number, or nothing."
        ) from None


def bell_state(frame: Frame) -> dict[str, Any]:
    """Return what the bell shows: whether it is on, at which level, and the newest alert."""
    level = "the threshold" if frame.watched is None else f"±{frame.watched:g}"
    state = {"on": frame.watching, "at": f"beyond {level}", "count": frame.alert_count}
    if not frame.alerts:
        return {**state, "last": "", "side": 0}
    newest = frame.alerts[-1]
    arrow = "▲" if newest.side > 0 else "▼"
    return {**state, "last": f"{arrow} at {formatting.clock(newest.time)}", "side": newest.side}


def _named(instrument: Instrument, signal: Signal) -> dict[str, str]:
    """Return names and tooltips of the market and the signal; a long symbol is shortened."""
    symbol = instrument.symbol
    return {
        "symbol": formatting.shortened(symbol), "symbol_title": symbol, "venue": instrument.label,
        "signal_name": signal.name.replace("_", " "), "signal_title": formatting.about(signal),
        "file": file_name(symbol),
    }  # fmt: skip


def _nothing(session: Session) -> dict[str, Any]:
    instrument = session.market.instrument
    return {
        **_named(instrument, session.settings.signal),
        "state": session.market.state,
        "old": False,
        "paused": False,
        "mid": formatting.NOTHING,
        "spread": formatting.NOTHING,
        "signal": formatting.NOTHING,
        "side": "",
        "age": None,
        "late": ("", ""),
        "rate": formatting.NOTHING,
        "windows": _windows(session),
        "window": session.time_range.seconds,
        "zoomed": "",
        "back": False,
        "bell": {"on": False, "at": "", "count": 0, "last": "", "side": 0},
        "message": "",
        "told": 0,
        "tone": "",
    }
