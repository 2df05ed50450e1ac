"""The sealed test of a session: it starts at one moment, and a change of settings ends it."""

from __future__ import annotations

import logging
import time
from threading import Lock
from typing import TYPE_CHECKING, Any

from obi_widgets.calibration.seal import Seen, make_seal
from obi_widgets.calibration.sealed import SealedTest
from obi_widgets.calibration.sealed_file import as_path, default_path, opened_in
from obi_widgets.errors import SealError

if TYPE_CHECKING:
    from pathlib import Path

    from obi_widgets.calibration.seal import Seal
    from obi_widgets.feeds.base import Followed
    from obi_widgets.settings.provenance import Sealed
    from obi_widgets.settings.settings import Settings

log = logging.getLogger(__name__)

SAVE_EVERY = 1.0
"""Shortest time between two writes of a test's file, seconds."""

TRY_AGAIN = 30.0
"""Seconds until the next attempt after a file could not be written."""


class Sealing:
    """Opens sealed tests of one market, and updates the newest one.

    Parameters
    ----------
    market : Market
        Market whose new states the tests judge.
    kind : str
        Kind of its source, see `Feed.kind`.
    settings : Settings
        Settings to seal. Changing one of them ends the test.

    Attributes
    ----------
    test : SealedTest or None
        The newest test, also if it has ended.
    """

    def __init__(self, market: Followed, kind: str, settings: Settings) -> None:
        self.test: SealedTest | None = None
        self._market, self._kind, self._settings = market, kind, settings
        self._note = ""  # next sentence to show
        self._watching: SealedTest | None = None  # the test that a change of settings ends
        self._opened = 0  # tests opened in this session
        self._saved = 0  # the value of `test.changes` at the last write of its file
        self._save_at = 0.0
        self._lock, self._closed = Lock(), False
        self._end_noted = False  # whether the screen was told that the test has ended

    @property
    def sealed_at(self) -> int | None:
        """When the settings were sealed, event time, ns UTC; None without a test, or a broken one.

        0 if there was no state yet.
        """
        test = self.test
        return None if test is None or test.broken else test.seal.sealed_at

    def open(self, path: str | Path | None, clip_bps: float | None) -> SealedTest:
        """Open a test, or continue the test of an existing file; see `Session.seal`."""
        with self._lock:
            return self._open(path, clip_bps)

    def _open(self, path: str | Path | None, clip_bps: float | None) -> SealedTest:
        if self._kind == "history":
            raise SealError(
                "This is a finished recording: no data follow that could judge the settings.",
                "Judge them on its later part by obi.sealed_test(history, settings, after=time).",
            )
        history = self._market.history()
        seal = make_seal(history, self._settings.parameters, source=self._kind, clip_bps=clip_bps)
        place = as_path(default_path(seal) if path is None else path)
        if place.exists():
            test = SealedTest.load(place)
            _check(test, seal, clip_bps)
        else:
            opened = max(self._opened, opened_in(place.parent, seal.market))
            test = SealedTest(seal.numbered(opened + 1), place)
            test.seen = Seen.of(history, len(history) - 1) if len(history) else None
        test.save()
        if self.test is not None:
            self.test.stop("the settings were sealed again")
            self._save(self.test)
        self._opened = max(test.opened, self._opened)
        self.test, self._saved, self._end_noted = test, test.changes, False
        self._watch(test)
        test.follow_settings(self._settings.parameters)  # they may have changed since `make_seal`
        return test

    def follow(self) -> str:
        """Judge the states since the last call, and save the test. For the publisher's thread.

        Returns
        -------
        str
            A sentence to show; empty for none. It is returned, and not given to the publisher,
            because a reference to the publisher would keep the views alive.
        """
        with self._lock:
            if self.test is not None and not self._closed:
                self._follow(self.test)
            note, self._note = self._note, ""
            return note

    def _follow(self, test: SealedTest) -> None:
        try:
            test.update(self._market.history())
        except Exception as error:  # a thread has nobody to raise to
            log.exception("A sealed test failed.")
            test.stop(f"the new states could not be judged ({error!r})")
        if test.broken and not self._end_noted:
            self._end_noted = True
            self._note = f"The sealed test has ended. {test.broken} Its result so far is kept."
        now = time.monotonic()
        if test.changes != self._saved and now >= self._save_at:
            self._save_at = now + SAVE_EVERY
            changes = test.changes
            if self._save(test):
                self._saved = changes

    def close(self) -> None:
        """Judge the last states and save the test, which another session can continue.

        Call it before the market is closed. A closing market keeps its last state even though the
        interval is not over; a session that continues the same recording has another state instead.
        """
        self.follow()
        with self._lock:
            if self.test is not None and not self._closed:
                self._save(self.test)  # with the last state that it has judged
                self._watch(None)
            self._closed = True

    def _watch(self, test: SealedTest | None) -> None:
        """Let changes of settings end this test, and no other test."""
        if self._watching is not None:
            self._settings.unobserve(self._hear)
        self._watching = test
        if test is not None:
            self._settings.observe(self._hear)

    def _hear(self, change: Any) -> None:  # noqa: ANN401 a Bunch of traitlets
        """Give changed settings to the test. Called in the thread that changed them."""
        test = self._watching
        if test is not None:
            test.follow_settings(change.owner)

    def _save(self, test: SealedTest) -> bool:
        try:
            test.save()
        except SealError as error:
            log.warning("%s", error)
            self._note = str(error)
            self._save_at = time.monotonic() + TRY_AGAIN
            return False
        return True

    def findings(self) -> Sealed | None:
        """Return the test's results, which every export includes; None if no test was opened."""
        test = self.test
        if test is None:
            return None
        if test.path is not None:  # other sessions may have opened tests since
            test.opened = max(test.opened, opened_in(test.path.parent, test.seal.market))
        return test.summary()


def _check(test: SealedTest, now: Seal, clip_bps: float | None) -> None:
    """Check that a test can be continued.

    Raises
    ------
    SealError
        If the test has ended, or was sealed with other values. It says which values differ.
    """
    name = test.path.name if test.path is not None else "It"
    if test.broken:
        raise SealError(f"{name}: {test.broken}", "Seal again, in another file.")
    differs = test.seal.differences(now)
    if clip_bps is not None and clip_bps != test.seal.clip_bps:
        differs.append(f"clip_bps is {clip_bps:g}, not {test.seal.clip_bps:g}")
    if differs:
        raise SealError(
            f"{name} was sealed with other values: {'; '.join(differs)}.",
            "Restore the sealed values to continue the test, or seal again in another file.",
        )
