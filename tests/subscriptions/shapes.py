"""OCPI's own JSON schemas and example blocks, where this machine has them beside the repository."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

jsonschema = pytest.importorskip("jsonschema")
referencing = pytest.importorskip("referencing")

FOLDER = Path(__file__).parents[3] / "shared/data/ocpi"
SCHEMAS = FOLDER / "schemas-2.1.1"
BLOCKS = FOLDER / "spec-2.1.1-d2/blocks"
needs_ocpi = pytest.mark.skipif(not SCHEMAS.is_dir(), reason="OCPI's schemas and text are not on this machine")
# The schemas name no field as required: these are what the text says.
REQUIRED = {
    "locations": {"id", "type", "address", "city", "postal_code", "country", "coordinates", "last_updated"},
    "evse": {"uid", "status", "connectors", "last_updated"},
    "connector": {"id", "standard", "format", "power_type", "voltage", "amperage", "last_updated"},
    "tokens": {"uid", "type", "auth_id", "issuer", "valid", "whitelist", "last_updated"},
    "version": {"version", "endpoints"},
}


@cache
def _registry() -> Any:
    found = {path.name: json.loads(path.read_text()) for path in (SCHEMAS / "2.1.1").glob("*.json")}
    general = json.loads((SCHEMAS / "common.schema.json").read_text())["definitions"]
    found["common.schema.json"]["definitions"] = general | found["common.schema.json"]["definitions"]
    # Sessions and CDRs refer to them by other names than their files have.
    found |= {f"{name}.schema.json": found[f"{name}s.schema.json"] for name in ("location", "tariff")}
    make = referencing.jsonschema.DRAFT7.create_resource
    return found, referencing.Registry().with_resources([(name, make(schema)) for name, schema in found.items()])


def valid(shape: Any, kind: str) -> None:
    """Fails where the object is none of this kind in OCPI 2.1.1."""
    assert REQUIRED.get(kind, set()) <= set(shape), kind
    schemas, registry = _registry()
    jsonschema.Draft7Validator(schemas[f"{kind}.schema.json"], registry=registry).validate(shape)


def block(name: str) -> Any:
    """An example block of the text; of one with a line before its JSON the JSON."""
    text = (BLOCKS / f"{name}.json").read_text()
    return json.loads(text[text.index("{") :])
