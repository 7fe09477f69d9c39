"""Read-only questions: SQL, named queries, full-text search."""
