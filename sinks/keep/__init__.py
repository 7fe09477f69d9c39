"""Looking after a database: check, prune, vacuum, publish, status."""
