"""What workers wrote and the database has not taken over yet."""
