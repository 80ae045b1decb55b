"""The state stream: what a running engine tells other processes of this machine, as it happens. Carries no commands."""
