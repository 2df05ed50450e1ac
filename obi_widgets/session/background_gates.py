"""What the gates of the settings remove, computed in the background."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from obi_widgets.calibration.result import GatesResult
from obi_widgets.errors import ObiError
from obi_widgets.kernels import loader
from obi_widgets.presentation.reading.comparison import CHANCE
from obi_widgets.session.background import Background, Question

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters

log = logging.getLogger(__name__)


class GateReporter(Background[GatesResult | None]):
    """Runs `obi_widgets.gate_report` in a thread, once the settings have settled.

    It runs while somebody looks at gates, and only with settings that have one. All states are
    used, as they are for the entries.

    Attributes
    ----------
    found : GatesResult or None
        The newest result. It may be of earlier settings.
    """

    thread_name = "obi-gates"

    def ask(self, history: History, parameters: Parameters) -> None:
        """Request what the gates remove, unless it is known already; do not wait for it."""
        self._request(Question(history, parameters))

    def _due_anew(self) -> float:
        """Return when to start if the settings have changed: not while a slider moves."""
        return self._settled_at()

    def _answer(self, asked: Question, *, first: bool) -> GatesResult | None:  # noqa: ARG002
        """Compute, and count the settings without a gate: what it removes tells of them."""
        if loader.busy():
            self._complete = False
            return self.found
        p, tried = asked.parameters, 0
        try:
            from obi_widgets.calibration.gate_report import gate_report

            without = [p.replace(gates=p.gates.without(one)) for one in p.gates]
            tried = self.tried.look([p, *without])
            # Each of the others that were tried might have been the one that is compared.
            level = 1 - CHANCE / max(tried - 1, 1)
            table = gate_report(asked.rows, p, level=level).to_dict("index")
            rows = {
                one: {str(name): float(value) for name, value in table[one].items()}
                for one in p.gates
            }
            return GatesResult(p, rows, tried)
        except ObiError as error:
            text = str(error)
        except Exception as error:
            log.exception("The report of gates failed.")
            text = f"The report of gates failed: {error!r}. Change a setting to try again."
        return GatesResult(p, {}, tried, text)
