"""Training of readers: networks that say at once whether there is a tumor, of which kind, and where."""
