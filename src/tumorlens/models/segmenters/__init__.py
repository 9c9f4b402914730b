"""Segmenters, one family per file."""
