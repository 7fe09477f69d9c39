"""What leaves the database: exports, snapshots, a server for readers."""
