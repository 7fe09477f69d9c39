"""What to ingest and how: models, checked loading of feeds and topics, settings, catalogues."""
