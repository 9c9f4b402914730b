"""The command line: one file per command, and what a command alone needs is imported inside it."""
