"""The API as others see it: one line an operation, to be compared with what was published, and the client's types.

Not here: the description itself (drf-spectacular), what changed in words (platform/docs/api-changelog.md).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from django.utils import translation
from drf_spectacular.generators import SchemaGenerator

from forgeline.conf.conventions import COMMON
from forgeline.conf.env import ROOT

OPERATIONS = ROOT / "platform/docs/api-operations.txt"
CHANGELOG = ROOT / "platform/docs/api-changelog.md"
MODELS = ROOT / "platform/forgeline_client/models.py"
PREFIX = "/api/v1"
METHODS = ("get", "post", "put", "patch", "delete")
MODELLED = ("Plant", "Asset", "Device", "Point", "Alarm", "JournalEntry", "Connection")
"""What the client names by type; everything else is a dict."""
_WORDS = {"description", "summary", "title", "example", "examples", "externalDocs", "tags", "operationId"}
_SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_HEADING = re.compile(r"^## (\S+)", re.MULTILINE)
_HEAD = """# Every operation of the API: the entry of api-changelog.md that told of it last, method, path, and a print
# of what it takes and answers. Written by `manage.py api_surface update`.
"""


def read_description() -> dict[str, Any]:
    """Return the OpenAPI description, in English."""
    with translation.override("en"):
        schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        # Lazy texts become words, as they are when it is served.
        plain: dict[str, Any] = json.loads(json.dumps(schema, default=str))
    return plain


def list_prints(schema: Mapping[str, Any]) -> dict[str, str]:
    """Return ``METHOD path`` → a print of what it takes and answers; words for people do not count."""
    return {
        f"{method.upper()} {path.removeprefix(PREFIX)}": _print(operation, schema)
        for path, item in sorted(schema["paths"].items())
        for method, operation in item.items()
        if method in METHODS
    }


def _print(operation: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    own = {
        **operation,
        "parameters": [each for each in operation.get("parameters", []) if each.get("name") not in COMMON],
        "responses": {code: each for code, each in operation["responses"].items() if code not in COMMON},
    }
    if not own["parameters"]:
        del own["parameters"]
    shape = json.dumps(_plain(own, schema, ()), sort_keys=True)
    return hashlib.sha256(shape.encode()).hexdigest()[:12]


def _plain(node: Any, schema: Mapping[str, Any], within: tuple[str, ...], *, names: bool = False) -> Any:
    """Return a node with its references resolved, without words; ``names``: its keys are a caller's, not OpenAPI's."""
    if isinstance(node, list):
        return [_plain(each, schema, within) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        if name in within:
            return {"again": name}
        return _plain(schema["components"]["schemas"][name], schema, (*within, name))
    return {
        key: _plain(value, schema, within, names=key == "properties" and not names)
        for key, value in node.items()
        if names or key not in _WORDS
    }


def read_published() -> dict[str, tuple[str, str]]:
    """Return ``METHOD path`` → (entry of the changelog, print) of the list that is kept."""
    found = {}
    for line in OPERATIONS.read_text(encoding="utf-8").splitlines() if OPERATIONS.exists() else []:
        if line and not line.startswith("#"):
            entry, method, path, print_ = line.split()
            found[f"{method} {path}"] = (entry, print_)
    return found


def read_entries() -> dict[str, str]:
    """Return heading → text of each entry of the changelog, the newest first."""
    parts = _HEADING.split(CHANGELOG.read_text(encoding="utf-8"))[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def list_faults(schema: Mapping[str, Any]) -> list[str]:
    """Return what the list or the changelog does not tell, with what to do."""
    published, present = read_published(), list_prints(schema)
    entries = read_entries()
    faults = [f"{name} is new" for name in present if name not in published]
    faults += [f"{name} is gone" for name in published if name not in present]
    faults += [
        f"{name} takes or answers something else" for name, print_ in present.items()
        if name in published and published[name][1] != print_
    ]  # fmt: skip
    faults = [
        f"{fault}: say so in api-changelog.md and run `manage.py api_surface update`." for fault in faults
    ]
    first = list(entries)[-1]
    for name, (entry, _) in published.items():
        if entry not in entries:
            faults.append(f"{name}: api-changelog.md has no entry {entry}.")
        elif entry != first and f"`{name}`" not in entries[entry]:
            faults.append(f"{name}: the entry {entry} of api-changelog.md does not name `{name}`.")
    return faults


def render_operations(schema: Mapping[str, Any]) -> str:
    """Return the list as it should stand: what is new or different belongs to the newest entry."""
    published = read_published()
    newest = next(iter(read_entries()))
    lines = []
    for name, print_ in list_prints(schema).items():
        entry, known = published.get(name, ("", ""))
        lines.append(f"{entry if known == print_ else newest} {name} {print_}")
    return _HEAD + "\n".join(sorted(lines, key=lambda line: line.split()[2:0:-1])) + "\n"


def render_models(schema: Mapping[str, Any]) -> str:
    """Return the client's types: a TypedDict for each of MODELLED."""
    components = schema["components"]["schemas"]
    parts = []
    for name in MODELLED:
        fields = components[name].get("properties", {})
        lines = [
            f"    {field}: {_type_of(shape, components)}"
            for field, shape in fields.items()
            if not shape.get("writeOnly")
        ]
        parts.append(f"class {name}(TypedDict):\n" + "\n".join(lines))
    head = (
        '"""What Forgeline answers, as types. Written by `manage.py api_surface update` from the description."""\n\n'
        "from __future__ import annotations\n\nfrom typing import Any, Literal, TypedDict\n\n\n"
    )
    return head + "\n\n\n".join(parts) + "\n"


def _type_of(shape: Mapping[str, Any], components: Mapping[str, Any]) -> str:
    if "$ref" in shape:
        return _type_of(components[shape["$ref"].rpartition("/")[2]], components)
    for joined in ("oneOf", "anyOf", "allOf"):
        if joined in shape:
            return _union(_type_of(each, components) for each in shape[joined])
    if "enum" in shape:
        return "Literal[" + ", ".join(json.dumps(word, ensure_ascii=False) for word in shape["enum"]) + "]"
    kind = shape.get("type")
    if isinstance(kind, list):
        return _union(_type_of({**shape, "type": each}, components) for each in kind)
    if kind == "array":
        return f"list[{_type_of(shape.get('items', {}), components)}]"
    if kind == "object":
        return "dict[str, Any]"
    return _SCALARS.get(kind or "", "Any")


def _union(kinds: Any) -> str:
    return " | ".join(dict.fromkeys(kinds))
