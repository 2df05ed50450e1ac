"""Undo, redo, reset and presets: buttons above the controls of the settings."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from obi_widgets.errors import ObiError
from obi_widgets.presentation.texts import formatting
from obi_widgets.settings.presets import BUILT_IN
from obi_widgets.widgets.assets import asset
from obi_widgets.widgets.panel import StateWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.settings.settings import Settings

OWN = "Your own values. Save them under a name with “own”."


class Choices(StateWidget):
    """Buttons that change many settings at once.

    Parameters
    ----------
    settings : Settings
        Settings that they change, and follow.
    refused : callable, optional
        Called with a sentence when something cannot be done.
    """

    _esm = asset("nodes.js", "names.js", "choices.js")

    def __init__(self, settings: Settings, refused: Callable[[str], object] | None = None) -> None:
        self.settings, self._refused = settings, refused
        self._shown: tuple[object, ...] = ()
        super().__init__(state=self._now())
        self.on_msg(self._do)
        me = weakref.ref(self)

        # The settings may outlive the widget, and must not keep it alive.
        def follow(_: object) -> None:
            if (widget := me()) is not None:
                widget.follow()

        self._observer = follow
        settings.observe(follow)

    def follow(self) -> None:
        """Show what can be undone, and which preset the settings have."""
        settings = self.settings
        now = settings.parameters, settings.can_undo, settings.can_redo
        if now != self._shown:  # once for all settings that change together
            self._shown, self.state = now, self._now()

    def stop(self) -> None:
        """Follow the settings no longer."""
        self.settings.unobserve(self._observer)

    def _now(self) -> dict[str, Any]:
        settings, presets = self.settings, self.settings.presets
        chosen = presets.chosen
        return {
            "undo": settings.can_undo,
            "redo": settings.can_redo,
            "presets": [[name, formatting.signed(presets.words(name))] for name in BUILT_IN],
            "own": presets.own(),
            "chosen": chosen,
            "note": formatting.signed(presets.words(chosen)) if chosen else OWN,
        }

    def _do(self, _: object, content: dict[str, Any], __: object) -> None:
        """Run the action of a button. Errors are shown; an exception would not be seen."""
        settings, name = self.settings, str(content.get("name", ""))
        try:
            match content.get("do"):
                case "undo":
                    settings.undo()
                case "redo":
                    settings.redo()
                case "reset":
                    settings.reset()
                case "apply":
                    settings.presets.apply(name)
                case "save":
                    path = settings.presets.save(name)
                    self._say(f"Saved as the preset {name.strip()}, in {path}.")
                case "remove":
                    settings.presets.remove(name)
        except ObiError as error:
            self._say(str(error))
        self.state = self._now()  # a preset was saved or removed

    def _say(self, note: str) -> None:
        if self._refused is not None:
            self._refused(note)
