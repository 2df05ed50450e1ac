"""What is chosen, checked, observed and saved, and where it came from."""
