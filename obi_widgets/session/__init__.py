"""One source followed: its feed, publisher, calibration, trials and export."""
