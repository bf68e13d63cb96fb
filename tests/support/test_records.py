"""The types of `autograder/records.py` and the documented result format agree, field by field."""

from __future__ import annotations

import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from autograder import records
from autograder.reporting.schema import schema

RECORDS = {
    "result": records.Result,
    "owner": records.OwnerRecord,
    "cell": records.Cell,
    "part": records.Part,
    "misconception": records.Misconception,
    "test": records.Test,
    "picture": records.Picture,
    "message": records.MessageParts,
    "lateness": records.Lateness,
}
SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def of_type(annotation: Any) -> frozenset[Any]:
    """The JSON values of a type: names of scalars, constants, and nested lists, maps and records."""
    if annotation in SCALARS:
        return frozenset([SCALARS[annotation]])
    if is_typeddict(annotation):
        return frozenset([("record", next(name for name, record in RECORDS.items() if record is annotation))])
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return frozenset().union(*map(of_type, arguments))
    if origin is Literal:
        return frozenset(("constant", value) for value in arguments)
    if origin is list:
        return frozenset([("list", of_type(arguments[0]))])
    if origin is dict and arguments[0] is str:
        return frozenset([("map", of_type(arguments[1]))])
    raise AssertionError(f"the test does not know the type {annotation}")


def of_schema(node: dict[str, Any]) -> frozenset[Any]:
    """The same for a JSON Schema."""
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/$defs/")
        return frozenset([("record", name)]) if name in RECORDS else of_schema(schema()["$defs"][name])
    if "anyOf" in node:
        return frozenset().union(*map(of_schema, node["anyOf"]))
    if "const" in node or "enum" in node:
        return frozenset(("constant", value) for value in node.get("enum", [node.get("const")]))
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    nested = {"array": ("list", "items"), "object": ("map", "additionalProperties")}
    return frozenset((nested[k][0], of_schema(node[nested[k][1]])) if k in nested else k for k in kinds)


def test_every_record_is_in_the_schema_and_the_other_way_round():
    objects = {name for name, node in schema()["$defs"].items() if node.get("type") == "object"}
    assert objects == RECORDS.keys()
    assert {record for record in vars(records).values() if is_typeddict(record)} == set(RECORDS.values())


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_has_the_fields_of_its_schema(name):
    record, node = RECORDS[name], schema()["$defs"][name]
    assert record.__required_keys__ == set(node["required"])
    fields = {field: of_type(annotation) for field, annotation in get_type_hints(record).items()}
    assert fields == {field: of_schema(below) for field, below in node["properties"].items()}
