"""Books and links in, opportunities out. Pure: no I/O, no clock reads, no async, no logging."""
