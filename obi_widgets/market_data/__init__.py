"""Market data: venues decode frames to events, and events make an order book."""
