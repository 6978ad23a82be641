"""Lifecycle: compare candidates out of fold, pick members, choose a cutoff, write files and the recipe."""
