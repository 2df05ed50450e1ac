"""What venues say, as events, and the order book that they make."""
