"""The flights example, written against the public face only."""
