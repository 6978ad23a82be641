"""Telling people: what is to be sent is stored first, and marked sent after the sink took it."""
