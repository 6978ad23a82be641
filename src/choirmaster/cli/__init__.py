"""The command line: one file for each group of commands, each command thin over one service."""
