"""`dutchbook docs`: the pages of docs/ that are written from the code and from results."""
