"""Whether a signal is worth anything: what it would have come to, and how sure that is."""
