"""The sealed test of a session: opened at a moment, followed live, ended by another setting."""

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
    from obi_widgets.feeds.market import Market
    from obi_widgets.settings.provenance import Sealed
    from obi_widgets.settings.settings import Settings

log = logging.getLogger(__name__)

SAVE_EVERY = 1.0
"""Seconds between writes of a test's file while trades come."""

TRY_AGAIN = 30.0
"""Seconds until it is tried again where the file could not be written."""


class Sealing:
    """Opens sealed tests of one market, and follows the newest.

    Parameters
    ----------
    market : Market
        Whose states are judged.
    kind : str
        What they are; see `Feed.kind`.
    settings : Settings
        What is sealed, and breaks the seal when it changes.

    Attributes
    ----------
    test : SealedTest or None
        The newest, also when it has been broken.
    """

    def __init__(self, market: Market, kind: str, settings: Settings) -> None:
        self.test: SealedTest | None = None
        self._market, self._kind, self._settings = market, kind, settings
        self._note = ""  # to be shown
        self._watching: SealedTest | None = None  # is told of settings
        self._opened = 0  # in this session
        self._saved = 0  # the test's changes that are in its file
        self._save_at = 0.0
        self._lock, self._closed = Lock(), False
        self._told = False  # that it was broken

    def open(self, path: str | Path | None, clip_bps: float | None) -> SealedTest:
        """Open a test, or go on with one; see `Session.seal`."""
        with self._lock:
            return self._open(path, clip_bps)

    def _open(self, path: str | Path | None, clip_bps: float | None) -> SealedTest:
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
            self.test.stop("the settings were sealed anew")
            self._save(self.test)
        self._opened = max(test.opened, self._opened)
        self.test, self._saved, self._told = test, test.changes, False
        self._watch(test)
        test.follow_settings(self._settings.parameters)  # they may have moved meanwhile
        return test

    def follow(self) -> str:
        """Judge what came since, and write it down now and then. For the publisher's thread.

        Returns
        -------
        str
            A sentence to show; empty for none. No publisher is held: it holds what shows frames.
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
            test.stop(f"what came could not be judged ({error!r})")
        if test.broken and not self._told:
            self._told = True
            self._note = f"The sealed test has ended. {test.broken} Its result so far is kept."
        now = time.monotonic()
        if test.changes != self._saved and now >= self._save_at:
            self._save_at = now + SAVE_EVERY
            changes = test.changes
            if self._save(test):
                self._saved = changes

    def close(self) -> None:
        """Judge what came, and write it down; the test can be gone on with.

        It comes before the end of the market, which keeps a state in the middle of its interval:
        whoever goes on with the same recording finds another one there.
        """
        self.follow()
        with self._lock:
            if self.test is not None and not self._closed:
                self._save(self.test)  # also how far it had looked
                self._watch(None)
            self._closed = True

    def _watch(self, test: SealedTest | None) -> None:
        """Let a test, and no other one, hear of each setting that changes, in whatever thread."""
        if self._watching is not None:
            self._settings.unobserve(self._hear)
        self._watching = test
        if test is not None:
            self._settings.observe(self._hear)

    def _hear(self, change: Any) -> None:  # noqa: ANN401 a Bunch of traitlets
        """Take note that a setting changed, in whatever thread."""
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
        """Return what goes with every export; None where no test was opened."""
        test = self.test
        if test is None:
            return None
        if test.path is not None:  # other sessions may have opened some meanwhile
            test.opened = max(test.opened, opened_in(test.path.parent, test.seal.market))
        return test.summary()


def _check(test: SealedTest, now: Seal, clip_bps: float | None) -> None:
    """Refuse to go on with a test that is broken, or of something else.

    Raises
    ------
    SealError
        With what differs.
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
