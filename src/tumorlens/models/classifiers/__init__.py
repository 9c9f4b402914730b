"""Classifiers, one family per file."""
