"""Bringing staged rows into the database, and what follows that."""
