"""This module tells what a name in a text stands for: `s` after `from os import system as s` is `os.system`."""

from __future__ import annotations

import ast
import builtins
from typing import Final

# Of `a.b.c...`: a chain that is longer names nothing that is known.
_CHAIN_MOST: Final = 12
_BUILTINS: Final = frozenset(vars(builtins))
_IMPORTERS: Final = frozenset({"__import__", "importlib.import_module", "builtins.__import__"})


class Aliases:
    """What the names of a text stand for, wherever in it they were given.

    Args:
        nodes: all nodes of the text.
    """

    def __init__(self, nodes: list[ast.AST]) -> None:
        self._known: dict[str, str] = {}
        given: list[tuple[int, str, ast.expr]] = []
        for node in nodes:
            match node:
                case ast.Import(names=names):
                    for alias in names:
                        top = alias.name.partition(".")[0]
                        self._known[alias.asname or top] = alias.name if alias.asname else top
                case ast.ImportFrom(module=module, names=names):
                    for alias in names:
                        self._known[alias.asname or alias.name] = f"{module or ''}.{alias.name}".lstrip(".")
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    given.append((node.lineno, name, value))
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    given.append((node.lineno, name, value))
                case ast.NamedExpr(target=ast.Name(id=name), value=value):
                    given.append((node.lineno, name, value))
        self._tops = {meant.partition(".")[0] for meant in self._known.values()}
        # In order of lines, so that `a = print; b = a` is found at once; what a loop brings back, the second time.
        given.sort(key=lambda one: one[0])
        for _ in range(2):
            for _, name, value in given:
                meant = self.of(value)
                if meant and name not in self._known and self._is_known(meant):
                    self._known[name] = meant

    def _is_known(self, meant: str) -> bool:
        return meant.partition(".")[0] in self._tops or meant.partition(".")[0] in _BUILTINS

    def of(self, node: ast.expr) -> str:
        """What an expression names, with dots between: "os.system"; empty where it is no name."""
        parts: list[str] = []
        for _ in range(_CHAIN_MOST):
            match node:
                case ast.Attribute(value=value, attr=attr):
                    parts.append(attr)
                    node = value
                case ast.Name(id=name):
                    parts.append(self._known.get(name, name))
                    return ".".join(reversed(parts)).removeprefix("builtins.")
                case ast.Call(func=func, args=[first, second, *_]) if self._is_getattr(func):
                    attr = text_of(second)
                    if not attr:
                        return ""
                    parts.append(attr)
                    node = first
                case ast.Call(func=func, args=[first, *_]) if text_of(first):
                    if self._plain(func) not in _IMPORTERS:
                        return ""
                    parts.append(text_of(first))
                    return ".".join(reversed(parts))
                case _:
                    return ""
        return ""

    def _plain(self, func: ast.expr) -> str:
        """What a function is called, where that is a name with at most one dot."""
        match func:
            case ast.Name(id=name):
                return self._known.get(name, name)
            case ast.Attribute(value=ast.Name(id=name), attr=attr):
                return f"{self._known.get(name, name)}.{attr}"
            case _:
                return ""

    def _is_getattr(self, func: ast.expr) -> bool:
        return self._plain(func) in ("getattr", "builtins.getattr")


def text_of(node: ast.expr) -> str:
    """The text that an expression of constants makes: `'sys' + 'tem'`; empty where it is not one."""
    parts: list[str] = []
    todo: list[ast.expr] = [node]
    for _ in range(_CHAIN_MOST):
        if not todo:
            break
        match todo.pop():
            case ast.Constant(value=str(value)):
                parts.append(value)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                todo += [right, left]
            case ast.JoinedStr(values=values):
                todo += reversed(values)
            case ast.FormattedValue(value=value, format_spec=None):
                todo.append(value)
            case _:
                return ""
    return "" if todo else "".join(parts)
