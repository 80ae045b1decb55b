"""`dutchbook demo`: both venue simulators, a world, and the real engine on them."""
