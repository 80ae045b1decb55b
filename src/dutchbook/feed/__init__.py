"""Live books: streams kept open, snapshots and deltas applied, ages known; recordings read back."""
