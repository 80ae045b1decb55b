"""`dutchbook links`: finding, reading and approving links; the links that a run is given."""
