"""The venue saying no: an HTTP status and an error body. Raised anywhere below the REST layer, answered there."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dutchbook.core.transport import Response


class Refused(Exception):
    """The request is refused; `text` is the venue's own wording."""

    def __init__(
        self,
        status: int,
        text: str,
        extra: Mapping[str, object] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The JSON answer, with `retry-after` when the body says how long."""
        headers = {"content-type": "application/json", **self.headers}
        if "retry_after_seconds" in self.extra:
            headers["retry-after"] = str(self.extra["retry_after_seconds"])
        return Response(self.status, msgspec.json.encode({"error": self.text, **self.extra}), headers)
