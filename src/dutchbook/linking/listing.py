"""What linking reads of a market: the core's word, under the name that this room uses."""

from dutchbook.core.listing import Listing

__all__ = ["Listing"]
