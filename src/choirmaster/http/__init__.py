"""The HTTP entrance: one declarative route table for routing, access, limits and the API description."""
