"""This module tells which names a piece of source takes from outside itself, by Python's rules of scope."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

# What an interpreter adds for people at a prompt (`site`, IPython, the display hook) is not there when code runs.
_FOR_PROMPTS: Final = {
    *("_", "__", "___", "__IPYTHON__", "get_ipython", "display", "exit", "quit"),
    *("copyright", "credits", "license", "help"),
}
# `__class__` exists in methods, the rest in class bodies and in the module that a function is run in.
_IMPLICIT: Final = frozenset({"__name__", "__class__", "__module__", "__qualname__"})
ALWAYS_THERE: Final = (frozenset(vars(builtins)) - _FOR_PROMPTS) | _IMPLICIT

_FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_ComprehensionNode = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True)
class Use:
    """One place where a name is used.

    Args:
        name: as Python reads it.
        line: from 1.
        launched: whether it is the first argument of `datasite.launch_job`.
    """

    name: str
    line: int
    launched: bool = False


@dataclass
class Names:
    """What a piece of source says about names.

    Args:
        outside: uses of names that are defined neither in it nor in Python itself, in order.
        launched: uses of such names as the first argument of `datasite.launch_job`.
        declared_global: names in `global` statements.
        yields: lines with a `yield` that belongs to a function at the top.
    """

    outside: list[Use] = field(default_factory=list)
    launched: list[Use] = field(default_factory=list)
    declared_global: list[Use] = field(default_factory=list)
    yields: list[int] = field(default_factory=list)


def read_names(tree: ast.Module) -> Names:
    """What the source says about names. Annotations are left out: they are not evaluated where code runs.

    Raises:
        RecursionError: nested too deeply.
    """
    reader = _Reader()
    reader.visit(tree)
    return reader.result()


@dataclass
class _Scope:
    kind: Literal["module", "function", "class", "comprehension"]
    parent: _Scope | None
    bound: set[str] = field(default_factory=set)
    declared_global: set[str] = field(default_factory=set)
    declared_nonlocal: set[str] = field(default_factory=set)

    def binds(self, name: str) -> bool:
        return name in self.bound and name not in self.declared_nonlocal


class _Reader(ast.NodeVisitor):
    """Notes what each scope binds and what is used where; a use is looked up once everything has been seen."""

    def __init__(self) -> None:
        self._module = _Scope("module", None)
        self._scope = self._module
        self._uses: list[tuple[Use, _Scope]] = []
        self._names = Names()

    def result(self) -> Names:
        for use, scope in self._uses:
            if self._is_outside(use.name, scope):
                (self._names.launched if use.launched else self._names.outside).append(use)
        self._names.outside.sort(key=lambda use: use.line)
        return self._names

    def _is_outside(self, name: str, scope: _Scope) -> bool:
        at: _Scope | None = self._module if name in scope.declared_global else scope
        while at is not None:
            # The body of a class is seen by itself only, not by the functions in it.
            if at.binds(name) and (at is scope or at.kind != "class"):
                return False
            at = at.parent
        return name not in ALWAYS_THERE

    def _bind(self, name: str) -> None:
        target = self._module if name in self._scope.declared_global else self._scope
        target.bound.add(name)

    def _bind_all(self, names: Iterable[str | None]) -> None:
        for name in names:
            if name is not None:
                self._bind(name)

    def _visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    # Uses and bindings

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._bind(node.id)
        else:
            self._uses.append((Use(node.id, node.lineno), self._scope))

    def visit_Call(self, node: ast.Call) -> None:
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="datasite"), attr="launch_job"),
                args=[ast.Name(id=name) as first, *_],
            ):
                self._uses.append((Use(name, first.lineno, launched=True), self._scope))
                self._visit_all([node.func, *node.args[1:], *node.keywords])
            case _:
                self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        inner = self._scope
        while self._scope.kind == "comprehension" and self._scope.parent is not None:
            self._scope = self._scope.parent
        self._bind(node.target.id)
        self._scope = inner
        self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._visit_all([node.target, node.value])

    def visit_Import(self, node: ast.Import) -> None:
        self._bind_all(alias.asname or alias.name.partition(".")[0] for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._bind_all(alias.asname or alias.name for alias in node.names)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._bind_all([node.name])
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self._bind_all([node.name])
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self._bind_all([node.name])

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self._bind_all([node.rest])
        self.generic_visit(node)

    def visit_TypeAlias(self, node: ast.AST) -> None:
        """`type X = ...` of Python 3.12; its right side is evaluated only when asked for."""
        self.visit(node.name)  # type: ignore[attr-defined]

    def visit_Global(self, node: ast.Global) -> None:
        self._scope.declared_global.update(node.names)
        self._names.declared_global += [Use(name, node.lineno) for name in node.names]

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self._scope.declared_nonlocal.update(node.names)

    # Scopes

    def _function(self, node: _FunctionNode) -> None:
        arguments = node.args
        self._visit_all([*arguments.defaults, *arguments.kw_defaults])
        self._scope = _Scope("function", self._scope)
        self._bind_all(type_parameters(node))
        self._bind_all(arg.arg for arg in every_argument(arguments))
        self._visit_all(node.body if isinstance(node.body, list) else [node.body])
        self._leave()

    def _leave(self) -> None:
        assert self._scope.parent is not None
        self._scope = self._scope.parent

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._bind(node.name)
        self._visit_all(node.decorator_list)
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node.name)
        self._visit_all([*node.decorator_list, *node.bases, *node.keywords])
        self._scope = _Scope("class", self._scope)
        self._bind_all(type_parameters(node))
        self._visit_all(node.body)
        self._leave()

    def _comprehension(self, node: _ComprehensionNode) -> None:
        first, *others = node.generators
        self.visit(first.iter)  # evaluated where the comprehension stands
        self._scope = _Scope("comprehension", self._scope)
        self._visit_all([first.target, *first.ifs, *others])
        self._visit_all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self._leave()

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node)

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> None:
        if self._scope.parent is self._module:
            self._names.yields.append(node.lineno)
        self.generic_visit(node)

    def visit_Yield(self, node: ast.Yield) -> None:
        self._yield(node)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        self._yield(node)


def every_argument(arguments: ast.arguments) -> list[ast.arg]:
    """All parameters of a function, the starred ones too."""
    starred = [arg for arg in (arguments.vararg, arguments.kwarg) if arg is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]


def type_parameters(node: ast.AST) -> list[str]:
    """The names in the square brackets of `def f[T](...)`, from Python 3.12 on."""
    return [parameter.name for parameter in getattr(node, "type_params", [])]
