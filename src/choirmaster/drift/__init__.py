"""Distances between two counted distributions: pure functions of counts, without a word about states or rows."""
