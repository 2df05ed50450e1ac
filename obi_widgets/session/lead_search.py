"""Looking which market of a board leads, in a thread: a pair takes a tenth of a second."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from obi_widgets.errors import ObiError
from obi_widgets.presentation.board.leads import Leads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.history.columns import History

log = logging.getLogger(__name__)


class LeadSearch:
    """Compares markets when it is asked to, once for each question.

    Parameters
    ----------
    wake : threading.Event
        Wakes the publisher when there is a result.

    Attributes
    ----------
    found : Leads or None
        The newest result; None before the first question.
    """

    def __init__(self, wake: threading.Event) -> None:
        self.found: Leads | None = None
        self._wake = wake
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def ask(self, histories: Mapping[str, History]) -> None:
        """Start comparing histories by their names, unless that goes on; do not wait for it."""
        with self._lock:
            if self._closed or (self.found is not None and self.found.looking):
                return
            asked = Leads(looking=True)
            thread = threading.Thread(
                target=self._work, args=(dict(histories), asked), name="obi-leads", daemon=True
            )
            thread.start()  # which may fail; the thread waits for the lock with its result
            self.found, self._thread = asked, thread
        self._wake.set()

    def forget(self) -> None:
        """Drop the result, since other markets are shown; also one that is still to come."""
        with self._lock:
            self.found = None

    def close(self, *, wait: bool = True) -> None:
        """Take no more questions; with ``wait``, wait at most ten seconds for the thread."""
        with self._lock:
            self._closed = True
            thread = self._thread
        if wait and thread is not None and thread is not threading.current_thread():
            thread.join(timeout=10)

    def _work(self, histories: Mapping[str, History], asked: Leads) -> None:
        try:
            from obi_widgets.calibration.lead_lag import lead_lag

            found = Leads.of(histories, lead_lag(histories))
        except ObiError as error:
            found = Leads(error=str(error))
        except Exception as error:
            log.exception("The search for leads failed.")
            found = Leads(error=f"The search for leads failed: {error!r}. Please report this.")
        with self._lock:
            if self.found is asked:
                self.found = found
        self._wake.set()
