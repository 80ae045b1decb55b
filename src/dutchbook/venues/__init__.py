"""Venue adapters: one folder a venue, the same file names in each. Nothing outside a folder knows its wire."""
