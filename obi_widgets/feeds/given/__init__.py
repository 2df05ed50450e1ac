"""Books that a user's own code gives: by calls, or by an iterator."""
