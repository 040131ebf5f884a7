"""Schemas of the service's strict subset, and with what else a value can be made for.

The first group follows the service's guide to structured outputs and the models in the tests of the openai
package; the others take one keyword each.
"""

from typing import Any

Schema = dict[str, Any]


def strict(properties: dict[str, Any], **more: Any) -> Schema:
    """An object as strict schemas have it: all properties required, no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


STEP = strict({"explanation": {"type": "string"}, "output": {"type": "string"}})
STRICT: dict[str, Schema] = {
    "event": strict(
        {
            "name": {"type": "string"},
            "date": {"type": "string"},
            "participants": {"type": "array", "items": {"type": "string"}},
        }
    ),
    "math": strict({"steps": {"type": "array", "items": STEP}, "final_answer": {"type": "string"}}),
    "moderation": strict(
        {
            "is_violating": {"type": "boolean"},
            "category": {"type": ["string", "null"], "enum": ["violence", "sexual", "self_harm", None]},
            "explanation_if_violating": {"type": ["string", "null"]},
        }
    ),
    "ui, recursive by #": {
        **strict(
            {
                "type": {"type": "string", "enum": ["div", "button", "header", "section", "field", "form"]},
                "label": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#"}},
                "attributes": {
                    "type": "array",
                    "items": strict({"name": {"type": "string"}, "value": {"type": "string"}}),
                },
            }
        )
    },
    "linked list": strict(
        {"linked_list": {"$ref": "#/$defs/linked_list_node"}},
        **{
            "$defs": {
                "linked_list_node": strict(
                    {
                        "value": {"type": "number"},
                        "next": {"anyOf": [{"$ref": "#/$defs/linked_list_node"}, {"type": "null"}]},
                    }
                )
            }
        },
    ),
    "definitions": strict(
        {"steps": {"type": "array", "items": {"$ref": "#/$defs/step"}}, "final": {"$ref": "#/$defs/step"}},
        **{"$defs": {"step": STEP}},
    ),
    "anyOf of objects": strict(
        {
            "item": {
                "anyOf": [
                    strict({"name": {"type": "string"}, "age": {"type": "number"}}),
                    strict({"number": {"type": "string"}, "street": {"type": "string"}}),
                ]
            }
        }
    ),
    "user": strict(
        {
            "name": {"type": "string"},
            "username": {"type": "string", "pattern": "^@[a-zA-Z0-9_]+$"},
            "email": {"type": "string", "format": "email"},
        }
    ),
    "weather": strict(
        {
            "location": {"type": "string"},
            "unit": {"type": ["string", "null"], "enum": ["F", "C"]},
            "value": {"type": "number", "minimum": -130, "maximum": 130},
        }
    ),
    # as pydantic writes models: Color in the tests of the openai package, and an enum that is referred to
    "pydantic enum": strict(
        {"name": {"type": "string"}, "color": {"$ref": "#/$defs/Color", "description": "The detected color"}},
        **{"$defs": {"Color": {"enum": ["red", "blue", "green"], "title": "Color", "type": "string"}}},
    ),
    "pydantic query": strict(
        {
            "table_name": {"$ref": "#/$defs/Table"},
            "columns": {"items": {"$ref": "#/$defs/Column"}, "type": "array"},
            "conditions": {"items": {"$ref": "#/$defs/Condition"}, "type": "array"},
        },
        **{
            "$defs": {
                "Table": {"const": "orders", "type": "string"},
                "Column": {"enum": ["id", "status", "delivered_date"], "type": "string"},
                "Operator": {"enum": ["=", ">", "<", "<=", ">=", "!="], "type": "string"},
                "DynamicValue": strict({"column_name": {"type": "string"}}),
                "Condition": strict(
                    {
                        "column": {"type": "string"},
                        "operator": {"$ref": "#/$defs/Operator"},
                        "value": {
                            "anyOf": [
                                {"type": "string"},
                                {"type": "integer"},
                                {"$ref": "#/$defs/DynamicValue"},
                            ]
                        },
                    }
                ),
            }
        },
    ),
    "pydantic nested nullable": strict(
        {
            "city": {
                "anyOf": [{"anyOf": [{"type": "string", "minLength": 3}, {"type": "null"}]}, {"type": "null"}]
            }
        }
    ),
    "allOf of one reference": strict(
        {"a": {"allOf": [{"$ref": "#/$defs/A"}], "description": "older pydantic"}},
        **{"$defs": {"A": strict({"b": {"type": "integer"}})}},
    ),
    "oneOf with a discriminator": strict(
        {
            "pet": {
                "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
                "discriminator": {"propertyName": "kind"},
            }
        },
        **{
            "$defs": {
                "Cat": strict({"kind": {"const": "cat"}, "lives": {"type": "integer", "maximum": 9}}),
                "Dog": strict({"kind": {"const": "dog"}, "good": {"const": True}}),
            }
        },
    ),
    "mutual recursion": strict(
        {"a": {"$ref": "#/$defs/A"}},
        **{
            "$defs": {
                "A": strict({"b": {"type": "array", "items": {"$ref": "#/$defs/B"}, "minItems": 1}}),
                "B": strict({"a": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}}),
            }
        },
    ),
    "deep": strict({"a": strict({"b": strict({"c": strict({"d": strict({"e": {"type": "integer"}})})})})}),
    "escaped reference": strict({"a": {"$ref": "#/$defs/a~1b%20c"}}, **{"$defs": {"a/b c": {"const": 1}}}),
    "no properties": strict({}),
    "names": strict({"$ref": {"type": "string"}, "enum": {"type": "integer"}, "ü": {"type": "null"}}),
    "many": strict({f"p{n}": {"type": ["integer", "null"]} for n in range(100)}),
}

VALUES: dict[str, Schema] = {
    **{
        f"format {name}": {"type": "string", "format": name}
        for name in "date-time time date duration email hostname ipv4 ipv6 uuid uri".split()
    },
    **{
        f"pattern {pattern}": {"type": "string", "pattern": pattern}
        for pattern in (
            "^[a-z]{3}$",
            r"^\d{3}-\d{2}-\d{4}$",
            r"^(\+\d{1,2}\s)?\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}$",
            "^(cat|dog)s?$",
            "^[^a-z]+$",
            "^#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})$",
            r"^(?<year>\d{4})-(?:0[1-9]|1[0-2])$",
            r"([ab])\1",
            "^$",
            "(a+)+$",
            "(x*)*y",
            r"\bword\b",
            "^.{5,10}$",
            r"^[\w.+-]+@[\w-]+\.[\w.-]+$",
            r"^https?:\/\/[^\s\/]+\/$",
            "^[À-ÿ]{2}$",
            "^(?:a|b){12}$",
        )
    },
    "pattern and length": {"type": "string", "pattern": "^[a-z]+$", "minLength": 8, "maxLength": 9},
    "length": {"type": "string", "minLength": 10, "maxLength": 12},
    "long": {"type": "string", "minLength": 2000},
    "empty": {"type": "string", "maxLength": 0},
    "integer": {"type": "integer"},
    "integer range": {"type": "integer", "minimum": 7, "maximum": 7},
    "negative": {"type": "integer", "maximum": -100},
    "exclusive": {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 3},
    "exclusive number": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001},
    "multiple": {"type": "integer", "multipleOf": 7, "minimum": 100, "maximum": 106},
    "multiple 0.1": {"type": "number", "multipleOf": 0.1, "minimum": 0.25},
    "multiple 0.01": {"type": "number", "multipleOf": 0.01, "minimum": 1.005, "maximum": 2},
    "integer in decimals": {"type": "integer", "minimum": 0.5, "maximum": 1.5},
    "huge": {"type": "integer", "minimum": 10**20},
    "items": {"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 5},
    "no items": {"type": "array", "items": {"type": "integer"}, "maxItems": 0},
    "any items": {"type": "array", "minItems": 1},
    "unique": {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True, "minItems": 3},
    "tuple": {
        "type": "array",
        "prefixItems": [{"const": "a"}, {"type": "integer"}],
        "items": False,
        "minItems": 2,
    },
    "const": {"const": {"a": [1, None]}},
    "const null": {"const": None},
    "enum": {"enum": [None, "b", 3]},
    "enum within type": {"type": "string", "enum": [1, "b"]},
    "enum within bounds": {"enum": [1, 5, 9], "minimum": 4, "maximum": 6},
    "null": {"type": "null"},
    "boolean": {"type": "boolean"},
    "any": {},
    "true": {"type": "array", "items": True, "minItems": 2},
    "optional": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}},
    "mapping": {"type": "object", "additionalProperties": {"type": "integer"}},
    "mapping of many": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 3},
    "required but not described": {"type": "object", "required": ["a"]},
    "anyOf beside properties": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "reference with more": {
        "$ref": "#/$defs/n",
        "minimum": 5,
        "$defs": {"n": {"type": "integer", "maximum": 6}},
    },
}
