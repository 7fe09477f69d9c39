"""Is it well? Health, installation, metrics, logs."""
