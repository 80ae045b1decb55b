"""The words everybody uses. Imports nothing of ours, does no I/O, reads no clock."""
