"""A session: one source with its feed, publisher, calibration, trials and export."""
