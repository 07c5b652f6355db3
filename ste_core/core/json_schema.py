"""JSON Schema as tools really send it: read with care, and mended where it is not quite JSON Schema.

>>> mend({"type": "object", "properties": {"days": {"type": "int", "required": True}}, "required": None})[0]
{'type': 'object', 'properties': {'days': {'type': 'integer'}}, 'required': ['days']}
>>> members({"type": "object", "anyOf": [{"properties": {"city": {}}}, {"properties": {"zip": {}}}]})
{'city': {}, 'zip': {}}

Servers send other drafts (a boolean `exclusiveMinimum`, a list as `items`), OpenAPI's words (`nullable`), empty lists
for empty objects (PHP), types of their own language ("int"), `required` inside a property, and worse. What says the
same in JSON Schema 2020-12 is rewritten; what cannot be read is left out and named, so that nothing is demanded which
the tool did not mean. A schema that is in order comes back as it was. Nothing here fetches or raises.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: references that are followed one after the other
MOST_REFERENCES = 20

#: depth to which a schema is mended; what lies deeper is left open
DEEPEST = 60

TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")

#: types as other languages call them, in lower case; "" is any
_ALIASES = {
    "int": "integer", "int32": "integer", "int64": "integer", "long": "integer", "bigint": "integer",
    "float": "number", "float32": "number", "float64": "number", "double": "number", "decimal": "number",
    "num": "number", "numeric": "number", "str": "string", "text": "string", "char": "string", "varchar": "string",
    "uuid": "string", "url": "string", "uri": "string", "date": "string", "datetime": "string", "date-time": "string",
    "time": "string", "email": "string", "file": "string", "path": "string", "enum": "string", "bool": "boolean",
    "dict": "object", "map": "object", "record": "object", "struct": "object", "json": "", "list": "array",
    "tuple": "array", "set": "array", "none": "null", "nil": "null", "any": "", "mixed": "", "unknown": "",
}  # fmt: skip

_PARTS = (
    "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "propertyNames", "contains", "not", "if",
    "then", "else", "contentSchema",
)  # fmt: skip
_MAPS = ("$defs", "definitions", "dependentSchemas", "patternProperties")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_COUNTS = (
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains",
)  # fmt: skip
_TEXTS = ("$ref", "$dynamicRef", "$schema", "$id", "$anchor", "$dynamicAnchor", "pattern", "format", "title")
_FLAGS = ("uniqueItems", "deprecated", "readOnly", "writeOnly")
_WORDS = {
    "type", "properties", "required", "items", "enum", "const", "default", "examples", "description", "dependencies",
    "dependentRequired", *_PARTS, *_MAPS, *_LISTS, *_NUMBERS, *_COUNTS, *_TEXTS, *_FLAGS,
}  # fmt: skip


# --- reading ----------------------------------------------------------------------------------------------------------


def resolve(part: Any, root: Any) -> dict[str, Any]:
    """A part with its references within the same schema followed; empty where it says nothing, or points nowhere."""
    for _ in range(MOST_REFERENCES):
        if not isinstance(part, dict):
            return {}
        reference = part.get("$ref")
        if not isinstance(reference, str):
            return part
        beside = {key: value for key, value in part.items() if key != "$ref"}
        target = _target(reference, root)
        if not isinstance(target, dict):
            return beside
        part = {**target, **beside} if "$ref" not in target else {**beside, "$ref": target["$ref"]}
    return {}


def _target(reference: str, root: Any) -> Any:
    """What a pointer like `#/$defs/place` points at; None where that is nothing of this schema."""
    if not reference.startswith("#"):
        return None
    place = root
    for step in reference[1:].strip("/").split("/") if reference.strip("#/") else ():
        step = step.replace("~1", "/").replace("~0", "~").replace("%24", "$").replace("%25", "%")
        if isinstance(place, dict):
            place = place.get(step)
        elif isinstance(place, list) and step.isdigit() and int(step) < len(place):
            place = place[int(step)]
        else:
            return None
    return place


def members(schema: Any, root: Any = None) -> dict[str, Any]:
    """The members of an object's schema by name: its own, and those of its alternatives."""
    return _members(schema, schema if root is None else root, 3)


def _members(schema: Any, root: Any, depth: int) -> dict[str, Any]:
    schema = resolve(schema, root)
    own = schema.get("properties")
    found = {name: one for name, one in own.items() if isinstance(name, str)} if isinstance(own, dict) else {}
    for arm in _arms(schema, "allOf", "anyOf", "oneOf") if depth > 0 else ():
        for name, one in _members(arm, root, depth - 1).items():
            found.setdefault(name, one)
    return found


def required(schema: Any, root: Any = None) -> frozenset[str]:
    """The members that every value of an object's schema has to have."""
    return _required(schema, schema if root is None else root, 3)


def _required(schema: Any, root: Any, depth: int) -> frozenset[str]:
    schema = resolve(schema, root)
    listed = schema.get("required")
    found = {name for name in listed if isinstance(name, str)} if isinstance(listed, list) else set()
    if depth > 0:
        for arm in _arms(schema, "allOf"):
            found |= _required(arm, root, depth - 1)
        for key in ("anyOf", "oneOf"):
            arms = [_required(arm, root, depth - 1) for arm in _arms(schema, key)]
            found |= frozenset.intersection(*arms) if arms else frozenset()
    return frozenset(found)


def _arms(schema: Mapping[str, Any], *keys: str) -> Iterator[Any]:
    for key in keys:
        arms = schema.get(key)
        yield from arms if isinstance(arms, list) else ()


def alternatives(part: Any, root: Any, depth: int = 3) -> list[dict[str, Any]]:
    """The simple schemas that a part allows: itself, or the arms of `anyOf`, `oneOf` or a single `allOf`, followed."""
    part = resolve(part, root)
    for key in ("anyOf", "oneOf", "allOf"):
        arms = part.get(key)
        if isinstance(arms, list) and arms and depth > 0 and (key != "allOf" or len(arms) == 1):
            return [one for arm in arms for one in alternatives(arm, root, depth - 1)]
    return [part]


def kinds(part: Any, root: Any = None) -> list[str]:
    """The JSON types that a part allows, without null, in its order; none where it does not say.

    >>> kinds({"anyOf": [{"type": "integer"}, {"type": "null"}]}), kinds({"enum": ["low", "high"]}), kinds({"type": 7})
    (['integer'], ['string'], [])
    """
    found: list[str] = []
    for one in alternatives(part, part if root is None else root):
        kind = one.get("type")
        listed = kind if isinstance(kind, list) else [kind] if isinstance(kind, str) else []
        if not listed and (values := choices(one)) is not None:
            listed = [_kind(value) for value in values]
        if not listed and isinstance(one.get("properties"), dict):
            listed = ["object"]
        if not listed:
            return []  # this alternative may be anything
        found += [str(each) for each in listed if each and each != "null"]
    return list(dict.fromkeys(found))


def choices(part: Mapping[str, Any]) -> list[Any] | None:
    """The values that a simple schema lists; None where it lists none."""
    if "const" in part:
        return [part["const"]]
    values = part.get("enum")
    return values if isinstance(values, list) and values else None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names: dict[type, str] = {str: "string", int: "integer", float: "number", list: "array", dict: "object"}
    return names.get(type(value), "null")


# --- mending ----------------------------------------------------------------------------------------------------------


def mend(schema: Any) -> tuple[dict[str, Any], list[str]]:
    """The schema of a tool's arguments, an object's, and what of it could not be read, each a few words.

    Args:
        schema: whatever a tool calls its schema.
    """
    notes: list[str] = []
    if isinstance(schema, str):
        try:
            schema = json.loads(schema)
        except (ValueError, RecursionError):
            pass
    if not isinstance(schema, dict):
        if schema not in (None, [], True, ""):
            notes.append(f"it is {_named(schema)}, not an object")
        schema = {}
    elif schema and not _WORDS & schema.keys() and all(isinstance(one, dict) for one in schema.values()):
        schema = {"type": "object", "properties": schema}  # the members alone
    made = _part(schema, "", notes, 0)[0]
    made = made if isinstance(made, dict) else {}
    kind = made.get("type")
    if kind != "object":
        if kind is not None and (not isinstance(kind, list) or "object" not in kind):
            notes.append(f"its type is {_named(kind)}, and arguments are an object")
        made = {"type": "object"} | made | {"type": "object"}
    return made, notes


def noted(tool: str, notes: list[str]) -> list[str]:
    """The notes of `mend` as a line for the user, if there are any."""
    if not notes:
        return []
    more = f" and {len(notes) - 1} more" if len(notes) > 1 else ""
    said = f"its schema is not quite JSON Schema ({notes[0]}{more}); what cannot be read is left to the tool"
    return [f"tool '{tool}': {said}"]


def _part(schema: Any, where: str, notes: list[str], depth: int) -> tuple[dict[str, Any] | bool, bool | None]:
    """A part mended, and whether it says that its object requires it (None: it does not say)."""
    if isinstance(schema, bool):
        return schema, None
    if isinstance(schema, str):
        return _part({"type": schema} if _type(schema) else {"description": schema}, where, notes, depth)
    if not isinstance(schema, dict) or depth > DEEPEST:
        if schema not in (None, []):
            notes.append(f"{where or 'it'}: {_named(schema) if depth <= DEEPEST else 'nested too deep'}")
        return {}, None
    made: dict[str, Any] = {}
    need: bool | None = None
    names: list[str] = []
    for key, value in schema.items():
        place = f"{where}.{key}" if where else str(key)
        if key == "properties":
            made[key], moved = _properties(value, place, notes, depth)
            names += moved
        elif key == "required":
            if isinstance(value, bool):
                need = value
            elif value is not None:
                made[key] = _names(value, place, notes)
        elif (mended := _word(str(key), value, place, notes, depth)) is not _NOTHING:
            made[str(key)] = mended
    for rule in (_tuples, _limits, _dependencies, _nullable, _choices):
        rule(made)
    if names:
        made["required"] = list(dict.fromkeys([*made.get("required", ()), *names]))
    return made, need


_NOTHING = object()


def _word(key: str, value: Any, where: str, notes: list[str], depth: int) -> Any:
    """One keyword's value, mended; `_NOTHING` where it is to be left out."""

    def refused() -> Any:
        if value not in (None, [], {}):
            notes.append(f"{where}: {_named(value)}")
        return _NOTHING

    if key == "type":
        return _types(value, where, notes)
    if key in _PARTS:
        return _NOTHING if value in (None, []) else _part(value, where, notes, depth + 1)[0]
    if key in _MAPS:
        if not isinstance(value, dict):
            return refused()
        return {str(name): _part(one, f"{where}.{name}", notes, depth + 1)[0] for name, one in value.items()}
    if key in _LISTS or (key == "items" and isinstance(value, list)):
        listed = [value] if isinstance(value, dict) else value
        if not isinstance(listed, list) or not listed:
            return refused()
        return [_part(one, f"{where}.{number}", notes, depth + 1)[0] for number, one in enumerate(listed)]
    if key in ("items", "additionalItems"):
        return _NOTHING if value in (None, []) else _part(value, where, notes, depth + 1)[0]
    if key == "enum":
        listed = list(value.values()) if isinstance(value, dict) else value
        return listed if isinstance(listed, list) and listed else refused()
    if key in _NUMBERS or key in _COUNTS:
        if isinstance(value, bool) and key.startswith("exclusive"):
            return value  # draft 4, see `_limits`
        number = _number(value)
        wrong = number is None or (key == "multipleOf" and number <= 0) or (key in _COUNTS and number < 0)
        if wrong or (key in _COUNTS and number != int(number)):
            return refused()
        return value if isinstance(value, int | float) else number
    if key == "description":
        return value if isinstance(value, str) else _text(value)
    checks: dict[str, Callable[[Any], bool]] = {
        **dict.fromkeys(_TEXTS, lambda one: isinstance(one, str)),
        **dict.fromkeys(_FLAGS, lambda one: isinstance(one, bool)),
        "dependentRequired": lambda one: isinstance(one, dict) and all(isinstance(each, list) for each in one.values()),
        "examples": lambda one: isinstance(one, list),
    }
    return value if key not in checks or checks[key](value) else refused()


def _properties(value: Any, where: str, notes: list[str], depth: int) -> tuple[dict[str, Any], list[str]]:
    """Members, and the names of those that say that they are required."""
    needed: list[str] = []
    if isinstance(value, list):  # a list of parameters, each with its name
        named = {one["name"]: {k: v for k, v in one.items() if k != "name"} for one in value if _has_name(one)}
        if len(named) < len(value):
            notes.append(f"{where}: {_named(value)}")
        value = named
    if not isinstance(value, dict):
        if value is not None:
            notes.append(f"{where}: {_named(value)}")
        return {}, needed
    made = {}
    for name, one in value.items():
        if name == "required" and isinstance(one, list):  # meant for the object
            needed += [each for each in one if isinstance(each, str)]
            continue
        made[str(name)], need = _part(one, f"{where}.{name}", notes, depth + 1)
        if need:
            needed.append(str(name))
    return made, needed


def _has_name(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("name"), str)


def _names(value: Any, where: str, notes: list[str]) -> list[str]:
    if isinstance(value, dict):
        value = [name for name, needed in value.items() if needed]
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        notes.append(f"{where}: {_named(value)}")
    return list(dict.fromkeys(one for one in listed if isinstance(one, str))) if isinstance(listed, list) else []


def _types(value: Any, where: str, notes: list[str]) -> Any:
    listed = value if isinstance(value, list) else [value]
    found = [_type(one) for one in listed]
    if None in found:
        if value not in (None, []):
            notes.append(f"{where}: {_named(value)}")
        return _NOTHING
    if not found or "" in found:
        return _NOTHING
    return list(dict.fromkeys(found)) if isinstance(value, list) else found[0]


def _type(word: Any) -> str | None:
    """A JSON type by whatever name; "" for any, None for what is none."""
    if not isinstance(word, str):
        return None
    if word in TYPES:
        return word
    word = word.strip().lower()
    if word in TYPES:
        return word
    if word.endswith("[]") or word.startswith(("array<", "list[", "list<", "array[")):
        return "array"
    return _ALIASES.get(word)


def _tuples(made: dict[str, Any]) -> None:
    """A list as `items`, as drafts up to 7 write it."""
    if isinstance(made.get("items"), list):
        made.setdefault("prefixItems", made.pop("items"))
        if "additionalItems" in made:
            made["items"] = made.pop("additionalItems")


def _limits(made: dict[str, Any]) -> None:
    """A boolean `exclusiveMinimum`, as draft 4 and OpenAPI 3.0 write it."""
    for strict, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(flag := made.get(strict), bool):
            del made[strict]
            if flag and limit in made:
                made[strict] = made.pop(limit)


def _dependencies(made: dict[str, Any]) -> None:
    """`dependencies`, as drafts up to 7 write them."""
    given = made.pop("dependencies", None)
    for name, needs in given.items() if isinstance(given, dict) else ():
        if isinstance(needs, list) and all(isinstance(one, str) for one in needs):
            made.setdefault("dependentRequired", {})[name] = needs
        elif isinstance(needs, dict):
            made.setdefault("dependentSchemas", {})[name] = _part(needs, "", [], DEEPEST)[0]


def _nullable(made: dict[str, Any]) -> None:
    """`nullable`, as OpenAPI 3.0 writes it."""
    if made.pop("nullable", None) is not True:
        return
    kind, values = made.get("type"), made.get("enum")
    if isinstance(kind, str) and kind != "null":
        made["type"] = [kind, "null"]
    elif isinstance(kind, list) and "null" not in kind:
        made["type"] = [*kind, "null"]
    elif kind is None and (refers := {key: made.pop(key) for key in ("$ref", "allOf", "oneOf") if key in made}):
        made["anyOf"] = [refers, {"type": "null"}]
    elif isinstance(made.get("anyOf"), list):
        made["anyOf"] = [*made["anyOf"], {"type": "null"}]
    if isinstance(values, list) and None not in values:
        made["enum"] = [*values, None]


def _choices(made: dict[str, Any]) -> None:
    """Choices none of which is of the type beside them: they are an array's items, or the type is wrong."""
    values, kind = made.get("enum"), made.get("type")
    listed = [kind] if isinstance(kind, str) else kind
    if not isinstance(values, list) or not isinstance(listed, list):
        return
    if any(_kind(one) in listed or (_kind(one) == "integer" and "number" in listed) for one in values):
        return
    if "array" in listed:
        made["items"] = {"enum": made.pop("enum")}
    else:
        del made["type"]


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return None if number != number or abs(number) == float("inf") else number


def _text(value: Any) -> Any:
    """A description that is no text as one: lines of a list, else JSON."""
    if value in (None, [], {}):
        return _NOTHING
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return " ".join(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _named(value: Any) -> str:
    """A value in a note: short."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
