"""Benchmarks: ratios of one run on one machine, never timed tests. ``make bench`` runs them all."""
