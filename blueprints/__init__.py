"""Everything a client can reach over HTTP or WebSocket. Start at `chat.py`."""
