"""What a screen shows, without a toolkit."""
