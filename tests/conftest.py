"""How property tests draw: the same examples on every run of the same code, fresh ones in the long runs.

`make test` must say the same of the same commit; `make soak` sets DUTCHBOOK_FRESH_EXAMPLES and draws anew.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("fresh", deadline=None)
settings.load_profile("fresh" if os.environ.get("DUTCHBOOK_FRESH_EXAMPLES") else "repeatable")
