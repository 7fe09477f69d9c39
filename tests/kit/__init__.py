"""What tests are built with: the program, newsrooms, sites, records, kills, and ways to ask."""
