"""What happened, for ever: an append-only journal and the projections folded from it."""
