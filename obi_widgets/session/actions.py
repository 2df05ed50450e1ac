"""What a person does with a session beside its settings: compare, be alerted, share.

Undo, presets and reset belong to the settings themselves: ``session.settings.undo()``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obi_widgets.presentation.viewport import Viewport
from obi_widgets.session.alerts import Bell, Watcher
from obi_widgets.session.link import Link, code_of, hash_of
from obi_widgets.settings.parameters import Parameters

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from obi_widgets.feeds.base import Feed
    from obi_widgets.session.states import Listener, Listeners
    from obi_widgets.settings.settings import Settings
    from obi_widgets.signals.crossing import Alert


class Actions(Viewport):
    """The part of a session that compares settings, watches for crossings, and makes links.

    Parameters
    ----------
    seconds : float
        Length of the window at the beginning.
    options : mapping of str to object
        Options of the feed that a link has to repeat.
    wake : threading.Event, optional
        Wakes the publisher; one of its own if left out.
    """

    settings: Settings
    feed: Feed
    _listeners: Listeners

    def __init__(
        self, seconds: float, options: Mapping[str, Any], wake: threading.Event | None = None
    ) -> None:
        super().__init__(seconds, wake)
        self._options = options
        self._compared: Parameters | None = None
        self.bell = Bell(self._wake.set)

    def start(self) -> None:
        """Start reading and publishing."""
        raise NotImplementedError

    # -- A and B ---------------------------------------------------------------------------

    @property
    def compared(self) -> Parameters | None:
        """The settings that the present ones are compared with; None for none."""
        return self._compared

    def compare_with(self, settings: Settings | Parameters | None) -> None:
        """Compare the present settings, A, with others, B, on the same data.

        Both results are shown, and whether chance explains their difference. B is a copy: later
        changes of these settings do not change it. It counts as tried, like all settings whose
        results were shown.

        Parameters
        ----------
        settings : Settings or Parameters, or None
            The other settings: ``session.settings`` keeps the present ones as B. None to end.

        Raises
        ------
        SettingsError
            If it is something else.

        Examples
        --------
        >>> session = obi.Session("sim:BTC-PERP", seed=3)
        >>> session.compare_with(session.settings)
        >>> session.settings.hold_seconds = 30
        >>> session.compared.hold_seconds
        20.0
        >>> session.close()
        """
        self._compared = None if settings is None else Parameters.of(settings)
        self._wake.set()

    def swap(self) -> None:
        """Make B the settings, and the present ones B; has no effect without a B."""
        other = self._compared
        if other is not None:
            self._compared = self.settings.parameters
            self.settings.update(other)

    # -- alerts ----------------------------------------------------------------------------

    def on_alert(
        self,
        callback: Callable[[Alert], object],
        *,
        level: float | None = None,
        margin: float | None = None,
    ) -> Callable[[], None]:
        """Call a function when the signal crosses a level. Starts the session.

        An alert comes when the signal goes beyond the level, or beyond its negative. The next one
        of that side comes only after the signal has fallen back by a margin. After a gap, and at
        the beginning, the signal has to be seen within the level first. As with `on_state`, the
        function runs in a thread of its own.

        Parameters
        ----------
        callback : callable
            Takes an `Alert` with ``time``, ``side``, ``value``, ``level`` and ``mid``.
        level : float, optional
            In the signal's unit, 0 or more. If left out, the threshold of the settings, whatever
            it is at that moment.
        margin : float, optional
            In the same unit, 0 or more; a tenth of the level if left out.

        Returns
        -------
        callable
            Call it without arguments to stop. Closing the session also stops it.

        Raises
        ------
        ArgumentError, SettingsError
            If the callback cannot be called, or a number is not possible.

        Examples
        --------
        >>> session = obi.Session("sim:BTC-PERP", seed=3, warmup=60)
        >>> sides = []
        >>> stop = session.on_alert(lambda alert: sides.append(alert.side), level=0.2)
        >>> session.wait(600)
        >>> stop()
        >>> session.close()
        >>> set(sides) <= {+1, -1}
        True
        """
        stop = self._watch(callback, level, margin)
        self.start()
        return stop

    def alert(self, level: float | None = None) -> None:
        """Mark crossings on the chart from now on, and ring the bell of a page that allows it.

        Parameters
        ----------
        level : float, optional
            As in `on_alert`.

        Raises
        ------
        SettingsError
            If the level is not a number of 0 or more.
        """
        self.bell.turn(self._watch(self.bell.ring, level, None), level)
        self.start()

    def stop_alerts(self) -> None:
        """Mark no further crossings. Those of `on_alert` are not affected."""
        self.bell.turn(None)

    def _watch(
        self, callback: Callable[[Alert], object], level: float | None, margin: float | None
    ) -> Callable[[], None]:
        def make(*given: Any) -> Listener:  # noqa: ANN401
            return Watcher(*given, level=level, margin=margin)

        return self._listeners.add(callback, make, "an alert")

    # -- a link ----------------------------------------------------------------------------

    def link(self) -> str:
        """Return a text that opens the same again: what is shown, and how.

        It has the source, the settings and those that they are compared with, the stacked signals,
        the window, the selected part and the pin. ``obi.Lab.from_link(text)`` opens it, here or
        with somebody else. Of a recording it has the path and a hash of the files. A live or a
        simulated market is opened as it is then, so its link has no window in the past, no selected
        part and no pin. A signal of your own is in it by its name: define it before you open the
        link.

        A link carries no data: for a history, a DataFrame or books that your own code gives there
        is none.

        Returns
        -------
        str
            Begins with ``obi:1?`` and is safe in an address.

        Raises
        ------
        SourceError
            If the data were given as objects. It says how to save them to a file.

        Examples
        --------
        >>> session = obi.Session("sim:BTC-PERP", seed=3)
        >>> session.link()[:50]
        'obi:1?source=sim:BTC-PERP&seed=3&a.signal=imbalanc'
        >>> session.close()
        """
        parameters, window = self.settings.parameters, self.time_range
        sources, files, needed = self.feed.place()
        options = {**self._options, **needed}
        return str(
            Link(
                sources,
                parameters,
                window if files else window._replace(end=None),
                options,
                self._compared,
                self.selected if files else None,
                hash_of(sources) if files else "",
                code_of(parameters),
                self._stacked,
                self.cursor.pinned if files and self.cursor is not None else None,
            )
        )
