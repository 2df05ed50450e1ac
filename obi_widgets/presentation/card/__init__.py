"""What a decision card shows: texts and figures, without a toolkit."""
