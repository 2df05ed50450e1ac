"""The command line: the lab and the recorder without writing a notebook."""
