"""Relational tables and statements that all stores share."""
