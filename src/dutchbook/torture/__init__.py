"""Fault simulation: the real engine, adapters and simulators in one process on virtual time, with faults drawn from a seed.

Judges the engine from outside; nothing but the command line and the tests may import it.
"""
