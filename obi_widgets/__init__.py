"""Order-book imbalance you can see, tune and judge, live, in a notebook.

>>> import obi_widgets as obi
>>> lab = obi.Lab("sim:BTC-PERP")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import lazy_loader

# The public names stand in __init__.pyi, and are imported when they are first asked for.
_public_name, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name == "__version__":
        return import_module("obi_widgets.version").version()
    return _public_name(name)


def _show_in_notebooks() -> None:
    """Let a notebook show some results as widgets or pictures, which are imported only then.

    What is computed knows no screen, so it cannot say this itself.
    """
    import sys

    ipython: Any = sys.modules.get("IPython")
    shell: Any = None if ipython is None else ipython.get_ipython()
    if hasattr(shell, "kernel"):
        formatter = shell.display_formatter.mimebundle_formatter
        for module, name, shows in (
            ("signal_comparison", "Comparison", "widgets.side_by_side"),
            ("event_paths", "EventStudy", "presentation.tear_sheet.event_figure"),
        ):
            formatter.for_type_by_name(
                f"obi_widgets.calibration.{module}",
                name,
                lambda found, shows=shows: import_module(f"obi_widgets.{shows}").shown(found),
            )


_show_in_notebooks()
