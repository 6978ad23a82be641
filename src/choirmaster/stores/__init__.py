"""What lasts: the journal and the stores behind it."""
