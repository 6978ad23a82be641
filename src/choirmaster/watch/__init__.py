"""The monitor: windows due, states, values, decisions."""
