"""The embedded store: Delta Lake for rows, SQLite for everything small."""
