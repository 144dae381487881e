"""The conversation and its agent turn; knows no HTTP, no Sanic and no token. Start at `turns.py`."""
