"""Which names a function takes from outside: a table of Python's ways to bind a name, checked against Python itself."""

from __future__ import annotations

import ast
import builtins
import symtable
import sys
from textwrap import dedent

import pytest

from syft.code.scopes import read_names

# (what it shows, source, names from outside)
TABLE = [
    ("a parameter", "def f(x):\n return x", []),
    ("every kind of parameter", "def f(a, b=1, *c, d, **e):\n return a, b, c, d, e", []),
    ("a variable", "def f():\n x = 1\n return x", []),
    ("an outside variable", "def f():\n return x", ["x"]),
    ("built-ins", "def f():\n return len(range(3)), print, __name__", []),
    ("what only a prompt has", "def f():\n display(_); exit()", ["_", "display", "exit"]),
    ("itself", "def f(n):\n return f(n - 1) if n else 0", []),
    ("an import", "def f():\n import a.b\n import c as d\n from e import g as h, i\n return a, d, h, i", []),
    ("what an import renames", "def f():\n import c as d\n return c", ["c"]),
    ("a helper inside", "def f():\n def g(y): return y\n return g(1)", []),
    ("a closure", "def f(x):\n def g(): return x\n return g()", []),
    ("a helper's own variable", "def f():\n def g():\n  y = 1\n return y", ["y"]),
    ("a lambda", "def f():\n return (lambda a, *b: a + z)(1)", ["z"]),
    ("a default of the function", "def f(x=LIMIT):\n return x", ["LIMIT"]),
    ("a default of a helper sees the function", "def f(x):\n def g(y=x): return y\n return g()", []),
    ("a comprehension's variable", "def f(xs):\n return [x for x in xs if x], {k: v for k, v in xs}", []),
    ("which does not leak", "def f(xs):\n a = [x for x in xs]\n return x", ["x"]),
    ("a comprehension within", "def f(xs):\n return [y for x in xs for y in x], (y for y in q)", ["q"]),
    ("its first part belongs outside", "def f():\n return [x for x in x]", ["x"]),
    ("a walrus", "def f(xs):\n [y := x for x in xs]\n return y", []),
    ("for, with, except, unpacking", "def f(a):\n for b, (c, *d) in a: pass\n with a as e: pass\n"
     " try: pass\n except ValueError as g: print(g)\n return b, c, d, e", []),
    ("an annotation is not evaluated", "def f(x: DataFrame) -> Series:\n y: Frame = 1\n z: Other\n return y", []),
    ("but declares its name", "def f():\n z: int\n return z", []),
    ("a class", "def f():\n class A(Base):\n  k = 1\n  def m(self): return k, __class__\n return A", ["Base", "k"]),
    ("a class body sees itself", "def f():\n class A:\n  k = 1\n  j = k\n return A.j", []),
    ("match", "def f(x):\n match x:\n  case [a, *b]: return a, b\n  case {'k': c, **d}: return c, d\n"
     "  case int() as e: return e\n  case Point(): return None", ["Point"]),
    ("augmented assignment", "def f():\n n = 0\n n += step\n return n", ["step"]),
    ("delete", "def f():\n n = 0\n del n", []),
    ("nonlocal", "def f():\n n = 0\n def g():\n  nonlocal n\n  n += 1\n g()\n return n", []),
    ("an attribute is no name", "def f(x):\n return x.y.z", []),
    ("a keyword is no name", "def f(x):\n return x(y=1)", []),
    ("a decorator of a helper", "def f():\n @cache\n def g(): pass\n return g", ["cache"]),
    ("an f-string", "def f(x):\n return f'{x} {missing!r:>{width}}'", ["missing", "width"]),
    ("an await in a helper", "def f():\n async def g(): return [x async for x in y]\n return g", ["y"]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "outside"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_outside_names(source: str, outside: list[str]) -> None:
    assert sorted({use.name for use in read_names(ast.parse(source)).outside}) == sorted(outside)


def by_python(source: str) -> set[str]:
    """The same by the standard library's own symbol table, which evaluates annotations, so those are cut out."""

    class NoAnnotations(ast.NodeTransformer):
        def visit_arg(self, node: ast.arg) -> ast.arg:
            node.annotation = None
            return node

        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            node.returns = None
            return self.generic_visit(node)

        def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
            node.annotation = ast.Constant(0)
            return self.generic_visit(node)

    plain = ast.unparse(ast.fix_missing_locations(NoAnnotations().visit(ast.parse(source))))
    tables, found = [symtable.symtable(plain, "f", "exec")], set()
    top = {
        symbol.get_name()
        for symbol in tables[0].get_symbols()
        if symbol.is_assigned() or symbol.is_namespace()
    }
    while tables:
        table = tables.pop()
        tables += table.get_children()
        found |= {one.get_name() for one in table.get_symbols() if one.is_global() and one.is_referenced()}
    # The names in the defaults and decorators of the function belong to the module's table.
    module = symtable.symtable(plain, "f", "exec")
    found |= {one.get_name() for one in module.get_symbols() if one.is_referenced()}
    return {name for name in found - top if not hasattr(builtins, name)} - {"__name__", "__class__"}


@pytest.mark.parametrize("source", [row[1] for row in TABLE], ids=[row[0] for row in TABLE])
def test_python_agrees(source: str) -> None:
    ours = {use.name for use in read_names(ast.parse(source)).outside}
    assert ours - {"display", "exit", "_"} == by_python(source) - {"display", "exit", "_"}


def test_every_use_has_its_line() -> None:
    names = read_names(ast.parse("def f(x):\n    a = np.sum(x)\n    return (a +\n        CONST)\n"))
    assert [(use.name, use.line) for use in names.outside] == [("np", 2), ("CONST", 4)]


def test_launched_functions_are_told_apart() -> None:
    source = dedent(
        """
        def f(datasite, data):
            jobs = [datasite.launch_job(part, x=x) for x in data]
            def again():
                return datasite.launch_job(whole, jobs=jobs)
            other.launch_job(not_this)
            return again().result
        """
    )
    names = read_names(ast.parse(source))
    assert [use.name for use in names.launched] == ["part", "whole"]
    assert {use.name for use in names.outside} == {"other", "not_this"}


def test_a_function_defined_inside_is_not_launched_from_outside() -> None:
    names = read_names(ast.parse("def f(datasite):\n def g(): pass\n return datasite.launch_job(g)"))
    assert (names.launched, names.outside) == ([], [])


def test_global_and_yield_are_noted() -> None:
    names = read_names(ast.parse("def f():\n global n\n n = 1\n yield n"))
    assert [(use.name, use.line) for use in names.declared_global] == [("n", 2)]
    assert names.yields == [4]


def test_a_yield_of_a_helper_is_the_helpers() -> None:
    assert read_names(ast.parse("def f():\n def g(): yield 1\n return list(g())")).yields == []


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters came with Python 3.12")
def test_type_parameters_are_bound() -> None:
    source = "def f():\n def g[T](x: T): return T\n class A[S]:\n  y = S\n type L = list[L]\n return g, A, L"
    assert read_names(ast.parse(source)).outside == []
