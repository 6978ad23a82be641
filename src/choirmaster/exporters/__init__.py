"""Numbers about this program, for the monitoring systems of others."""
