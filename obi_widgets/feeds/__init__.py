"""Who moves the frames: a websocket, a file, or a simulated exchange behind a real websocket."""
