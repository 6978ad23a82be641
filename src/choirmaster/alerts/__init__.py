"""Rules and the life of an alert: pure decisions about values. Deeds (sending, storing) are done elsewhere."""
