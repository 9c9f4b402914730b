"""Networks that answer whether there is a tumor, of which kind, and where, at once; one family a file."""
