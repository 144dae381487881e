"""OpenAPI documents to tools, pure: load, upgrade, resolve, operations, tools. Start at `load.py`."""
