"""The dashboard: pages drawn on the server from the public queries; each has a JSON twin and its numbers as CSV."""

from choirmaster.dashboard.entry import Route, routes

__all__ = ["Route", "routes"]
