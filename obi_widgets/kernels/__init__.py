"""Compiled code: who loads it, and the threads that it runs in."""
