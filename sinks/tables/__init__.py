"""The tables and views: names, types and meanings, and what is derived from them."""
