"""What people and programs see: tables, summaries, plots, the SQL shell."""
