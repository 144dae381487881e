"""Data that every layer shares: frames, tools, turns, errors, messages, settings, and two small values that act."""
