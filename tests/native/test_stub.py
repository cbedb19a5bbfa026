# SPDX-License-Identifier: Apache-2.0
"""The hand-written stub names exactly what the extension has: names, arguments, defaults."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import ppocrvl
from ppocrvl.support.native import _native

STUB = Path(ppocrvl.__file__).with_name("_native.pyi")


def stub_signature(function: ast.FunctionDef) -> str:
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(a.arg) for a in function.args.args],
        kwonlyargs=[ast.arg(a.arg) for a in function.args.kwonlyargs],
        kw_defaults=function.args.kw_defaults,
        defaults=function.args.defaults,
    )
    return re.sub(r"\s*=\s*", "=", ast.unparse(arguments))


def native_signature(docstring: str) -> str:
    """Names and defaults, from the first line: `name(a: int, *, b: int = 1) -> X`."""
    line = docstring.splitlines()[0]
    parsed = ast.parse(f"def {line}: ...".replace("ppocrvl._native.", "")).body[0]
    assert isinstance(parsed, ast.FunctionDef), line
    return stub_signature(parsed)


def members(owner: object) -> dict[str, str]:
    """Public names of a class or module, with the signature of what can be called."""
    found = {}
    for name, value in vars(owner).items():
        if name.startswith("_") and name not in ("__init__", "__version__", "_test"):
            continue
        if isinstance(value, (str, type, type(_native))):
            found[name] = "value" if isinstance(value, str) else "class"
        elif isinstance(value, property):
            found[name] = "property"
        elif (value.__doc__ or "").startswith(f"{name}("):  # else a class without a constructor
            found[name] = native_signature(value.__doc__)
    return found


def stub_members(body: list[ast.stmt]) -> dict[str, str]:
    found = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = "class"
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if node.target.id != "_Scalar":
                found[node.target.id] = "value"
        elif isinstance(node, ast.FunctionDef):
            decorators = [ast.unparse(d) for d in node.decorator_list]
            found[node.name] = "property" if "property" in decorators else stub_signature(node)
    return found


def test_stub_is_fresh() -> None:
    body = ast.parse(STUB.read_text(encoding="utf-8")).body
    assert stub_members(body) == members(_native)
    for node in body:
        if isinstance(node, ast.ClassDef):
            stub = stub_members(node.body)
            native = members(getattr(_native, node.name))
            assert stub == native, node.name
