"""Venue simulators: an exchange core per venue, a server shell, a scripted world.

Independent witnesses: own matching, fees, rounding, hashing and signature checks, written from the venues' published
rules. Never imports core.fees, core.book, venues, execution or ledger.
"""
