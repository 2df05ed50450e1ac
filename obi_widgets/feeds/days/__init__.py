"""Days of recordings: a folder of files of one or several markets, written and read."""
