"""What the metrics are called where people read them, and how their numbers are written. Nothing here draws."""
