"""Markets served to other processes: messages under topics, by websocket or on standard output."""
