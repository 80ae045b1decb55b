"""The venues' own OpenAPI and AsyncAPI documents as JSON Schemas, and where an answer differs from them.

The documents are third-party files that are not part of this repository: they are read where the recorded data is.
Nothing here decides whether a difference is right; the tests list those that are, each with its reason.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

DATA = Path(os.environ.get("DUTCHBOOK_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
SPECS = DATA / "specs"
needs_specs = pytest.mark.skipif(
    not SPECS.exists(), reason=f"the venues' specifications are not at {SPECS} (set DUTCHBOOK_DATA)"
)

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FORMATS = jsonschema.FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_FORMATS.checks("uuid")
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value) is not None


def _plain(node: Any, name: str = "") -> Any:
    """OpenAPI's `nullable` as JSON Schema says it; named schemas keep their name for the report of a difference."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _plain(value) for key, value in node.items() if key not in ("nullable", "example", "examples")}
    if name:
        made["x-name"] = name
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made


class Specification:
    """One document. `servers` paths are not part of its paths."""

    def __init__(self, path: Path) -> None:
        self._document: dict[str, Any] = (
            json.loads(path.read_text()) if path.suffix == ".json" else yaml.load(path.read_text(), _LOADER)
        )
        schemas = self._document["components"]["schemas"]
        self._root = {"components": {"schemas": {name: _plain(schema, name) for name, schema in schemas.items()}}}

    @cached_property
    def _templates(self) -> list[tuple[re.Pattern[str], str]]:
        # a literal segment is tried before a parameter
        paths = sorted(self._document["paths"], key=lambda path: path.count("{"))
        return [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + r"\Z"), path) for path in paths]

    def answer_schema(self, method: str, path: str, status: int) -> dict[str, Any] | None:
        """The schema of an answer; None where the document names the status without a body. KeyError if it does not."""
        for pattern, template in self._templates:
            operation = self._document["paths"][template].get(method.lower())
            if operation is not None and pattern.match(path):
                answer = operation["responses"][str(status)]
                if "$ref" in answer:
                    answer = self._document["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
                schema = answer.get("content", {}).get("application/json", {}).get("schema")
                return None if schema is None else _plain(schema)
        raise KeyError(f"{method} {path}")

    @cached_property
    def payloads(self) -> Mapping[str, dict[str, Any]]:
        """Schema name -> schema, for the messages of an AsyncAPI document."""
        return self._root["components"]["schemas"]

    def payloads_of(self, kind: str, field: str) -> list[str]:
        """The schemas whose `field` is the constant `kind`."""
        return [
            name
            for name, schema in self.payloads.items()
            if schema.get("properties", {}).get(field, {}).get("const") == kind
        ]

    def differences(self, schema: Mapping[str, Any], value: object) -> Iterator[str]:
        """One line for each way in which a value is not what the schema says: `Schema.field: what`."""
        validator = jsonschema.Draft202012Validator({**self._root, **schema}, format_checker=_FORMATS)
        for error in validator.iter_errors(value):
            yield from _lines(error)

    def knows(self, schema: Mapping[str, Any], path: str) -> bool:
        """Whether a schema speaks of a field, named as in a contract table (`orders[].price`)."""
        nodes = [dict(schema)]
        for part in re.findall(r"\[\]|\{\}|[^.\[\]{}]+", path):
            nodes = [child for node in nodes for child in self._children(node, part)]
        return bool(nodes)

    def _children(self, node: dict[str, Any], part: str) -> Iterator[dict[str, Any]]:
        for each in self._flat(node):
            if part == "[]":
                if isinstance(each.get("items"), dict):
                    yield each["items"]
            elif part == "{}":
                if isinstance(each.get("additionalProperties"), dict):
                    yield each["additionalProperties"]
            elif part in each.get("properties", {}):
                yield each["properties"][part]
            elif isinstance(each.get("additionalProperties"), dict):
                yield each["additionalProperties"]

    def _flat(self, node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if "$ref" in node:
            target: Any = self._root
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            yield from self._flat(target)
        yield node
        for key in ("allOf", "anyOf", "oneOf"):
            for child in node.get(key, []):
                yield from self._flat(child)


def _lines(error: jsonschema.ValidationError) -> Iterator[str]:
    if error.validator == "anyOf" and error.context:
        # a nullable field: what is wrong with the other reading
        for inner in error.context:
            if inner.schema != {"type": "null"}:
                yield from _lines(inner)
        return
    where = re.sub(r"\['\w+'\]", "{}", re.sub(r"\[\d+\]", "[]", error.json_path)).removeprefix("$").removeprefix(".")
    name = error.schema.get("x-name", "") if isinstance(error.schema, dict) else ""
    if error.validator == "required":
        missing = re.match(r"'(.+)' is a required property", error.message)
        field = missing.group(1) if missing else "?"
        yield f"{name or where}.{field}: missing"
    else:
        yield f"{where}: {error.validator} {json.dumps(error.validator_value, default=str)[:80]}"


@lru_cache(maxsize=16)
def specification(name: str) -> Specification:
    """A document by its place below the folder of specifications."""
    return Specification(SPECS / name)


_DOCUMENTS = {
    "kalshi": ("2026-05/kalshi.openapi.yaml",),
    "polymarket": tuple(f"2026-05/polymarket-{name}.openapi.yaml" for name in ("clob", "gamma", "relayer")),
}
_MOVED = {"/data/trades": "/trades", "/data/order": "/order"}
"""Polymarket's paths (those of its official package) where its document has others for the same bodies."""


def answer_of(venue: str, method: str, path: str, status: int) -> tuple[Specification, dict[str, Any] | None] | None:
    """The document that knows an answer, and its schema there (None for no body); None when no document does."""
    for ours, theirs in _MOVED.items():
        if path == ours or path.startswith(ours + "/"):
            path = theirs + path.removeprefix(ours)
    for name in _DOCUMENTS[venue]:
        try:
            return specification(name), specification(name).answer_schema(method, path, status)
        except KeyError:
            continue
    return None
