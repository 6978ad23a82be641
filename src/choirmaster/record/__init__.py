"""From events on the way in to parts in the store."""
