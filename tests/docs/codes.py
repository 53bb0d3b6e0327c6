"""Which error codes the API has: read out of its source, so that no code is forgotten."""

import ast
from collections.abc import Iterator

from portal.stack.options import PROJECT

FOLDERS = ("authorization", "chargers", "imports", "portal", "subscriptions/api")
# What raises or makes an error, and at which place among its arguments the code stands.
MAKERS = {
    "Problem": 1,
    "Conflict": 1,
    "PermissionDenied": 1,
    "AuthenticationFailed": 1,
    "BadQuestion": 1,
    "BadMessage": 1,
}
# Named in a table: rule of the database → (code, sentence).
TABLES = ("CONFLICT",)


def codes() -> set[str]:
    files = [path for folder in FOLDERS for path in PROJECT.joinpath(folder).rglob("*.py")]
    found = {code for path in files for node in ast.walk(ast.parse(path.read_text())) for code in _of(node)}
    return found - {""}


def _of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in MAKERS:
            yield from _text(node.args[MAKERS[name]] if len(node.args) > MAKERS[name] else None)
        case ast.Call(func=ast.Name(id="JsonResponse"), args=[ast.Dict() as body, *_]):
            for key, value in zip(body.keys, body.values, strict=True):
                if "code" in _text(key):
                    yield from _text(value)
        case ast.Assign(targets=[ast.Name(id="default_code")], value=value):
            yield from _text(value)
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(values=values)) if name in TABLES:
            yield from (code for value in values if isinstance(value, ast.Tuple) for code in _text(value.elts[0]))


def _text(node: ast.AST | None) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
