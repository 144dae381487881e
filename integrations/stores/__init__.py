"""Where conversations, approvals and the log of entries live."""
