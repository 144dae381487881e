"""The command line: `python app.py COMMAND`. Start at `cli.py`."""
