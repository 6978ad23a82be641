"""Members: one model each, whatever runs it. Every module imports the library it wraps when it is imported itself."""
