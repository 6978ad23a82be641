"""The composition: the only place that knows every name, and the owner of the real clock (D18)."""
