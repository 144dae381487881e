"""Chat models behind one port: any OpenAI-compatible provider, and the embedded one that needs no key."""
