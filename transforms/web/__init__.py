"""Getting bytes: polite and bounded requests, robots.txt, guarded addresses, archives."""
