"""Where the database is, and how it is opened, brought up to date and extended."""
