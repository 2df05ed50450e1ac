"""Websockets that many markets share, and answers that many markets use."""

from __future__ import annotations

from obi_widgets.feeds.connections.pool import Connections

__all__ = ["Connections"]
