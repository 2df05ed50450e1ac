"""Feeds deliver books to a market: from a websocket, a file, a user's code, or a simulation."""
