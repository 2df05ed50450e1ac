"""The decision card: what several windows of signals say of a market, every 10 seconds."""
