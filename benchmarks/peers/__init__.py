"""The same rows through other monitors, each in an environment of its own."""
