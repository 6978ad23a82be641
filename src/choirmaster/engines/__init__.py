"""Engines turn rows into states. All use the same kernels, so all give the same bits."""
