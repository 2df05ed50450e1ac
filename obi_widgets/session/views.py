"""What shows the frames of a session: the contract between its publisher and the widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from obi_widgets.presentation.frames.frame import Frame


@runtime_checkable
class View(Protocol):
    """Something that shows frames. Only the publisher's thread calls its methods.

    It may also say by ``behind`` that it is visible but has not painted what was sent, and by
    ``shows_health`` that its frames need the health of the feed.
    """

    @property
    def looked_at(self) -> bool:
        """Whether it is visible, and has painted the frames that were sent."""

    @property
    def may_look(self) -> bool:
        """Whether it may be visible. It may be silent: its messages may have been lost."""

    def show(self, frame: Frame) -> None:
        """Show a frame."""

    def keep_alive(self) -> None:
        """Tell the page that the kernel is alive."""

    def end(self) -> None:
        """Tell the page that no frame will follow."""


@runtime_checkable
class Forgettable(View, Protocol):
    """A view to which the platform still refers when the user's code does not."""

    def held(self) -> bool:
        """Whether anything but the platform may refer to it or its session. This may be slow."""
