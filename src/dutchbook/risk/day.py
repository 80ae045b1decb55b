"""When the trading day began: local midnight of a configured zone (M27). Pure: the instant is given."""

from __future__ import annotations

from datetime import datetime, tzinfo

from dutchbook.core.clock import SECOND


def day_start_ns(wall_ns: int, zone: tzinfo) -> int:
    """Wall nanoseconds of the first instant of the local day that holds `wall_ns`.

    Where a clock change skips midnight this is the first instant after it; where midnight comes twice, the first one.
    """
    local = datetime.fromtimestamp(wall_ns // SECOND, zone)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone)
    return int(midnight.timestamp()) * SECOND
