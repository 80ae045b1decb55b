"""Which markets are the same bet: typed reading, candidates, vetoes, rules diff, states. Pure: no I/O, clock, async
or logging."""
