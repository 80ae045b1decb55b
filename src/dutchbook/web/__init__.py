"""The operator's page: a process of its own that reads the ledger and the state stream, and commands only through the inbox."""
