"""The market as rows of a table: one row from time to time, for a terminal or another program."""
