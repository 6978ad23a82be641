"""What the metrics are called where people read them, how their numbers are written, and which are looked at."""
