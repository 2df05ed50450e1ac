"""Frames: all that a screen shows at one moment, and their messages."""
