"""One call of an upstream, from arguments to result. Start at `request.py`."""
