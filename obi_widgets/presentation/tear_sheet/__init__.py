"""The figures and texts of a calibration."""
