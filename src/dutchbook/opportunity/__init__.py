"""Books and links in, opportunities out. Pure: no I/O, no clock, no logging; imports core only."""
