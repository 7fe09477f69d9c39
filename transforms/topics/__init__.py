"""Which topics a text is about, and why."""
