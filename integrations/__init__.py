"""Everything the gateway talks to: documents, upstreams, models, stores. Start at `toolset.py`."""
