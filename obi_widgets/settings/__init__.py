"""Settings: values that are checked, observed and saved, and the data they were tuned on."""
