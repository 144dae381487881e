"""The model that needs no key and no internet: deterministic, driven by the tools it is given. Start at `model.py`."""
