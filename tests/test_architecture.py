"""The architecture as a test: who may import whom, and what may not be done where.

The rules are read from the source with `ast`; nothing of it is imported. `LAYERS` below is the
architecture. A violation reads `file:line [rule] what is wrong -> what to do`. The second half of this
file runs every rule on small made-up trees, so that each is known to be able to fail.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = "syft"
SOURCE = Path(__file__).parent.parent / "src" / ROOT

# A module imports only from lower numbers. The longest name that fits decides. Packages on one layer do not
# import each other; inside a package all is free but cycles. An import under TYPE_CHECKING may point up, but
# gives its reason and is one of at most TYPE_ONLY_LIMIT. From 12 on: doors, the import paths of older
# generations, which nothing but doors and the root may import. The root `__init__` stands above all.
LAYERS = {
    "errors": 1,
    "logger": 1,
    "version": 1,
    "config": 2,
    "model": 3,
    "ops": 4,
    "wire": 4,
    "access": 5,
    "code": 5,
    "policy": 5,
    "store": 6,
    "transport": 6,
    "sandbox": 6,
    "jobs": 7,
    "federation": 7,
    "client": 8,
    "node": 8,
    "remote": 9,
    "cluster": 8,
    "cluster.work": 10,
    "cluster.process": 11,
    "server": 9,
    "orchestra": 10,
    "console": 10,
    "cli": 11,
    "exceptions": 12,
    "service": 12,
    "util": 12,
    "core": 13,
    "workers": 14,
    "generic": 15,
    "lib": 15,
    "messaging": 16,
}

# Where a rule does not hold, by module (a package stands for all that is in it).
RUNS_STRANGERS_CODE = ("sandbox.child",)
READS_ENVIRONMENT = ("config", "cli", "orchestra", "sandbox.jail", "sandbox.acts.resources")
WRITES_HTML = ("client.present", "console")
IMPORTS_BY_NAME = ("", "sandbox.zygote")  # "" is the root: it loads its public names lazily

UNSAFE_FORMATS = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle"}
UNSAFE_READERS = {"read_pickle", "to_pickle"}
RUNS_TEXT = {"exec", "eval", "compile"}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
HTML = ("<div", "<table", "style=")
TYPE_ONLY_LIMIT = 5


@dataclass(frozen=True, order=True)
class Violation:
    path: str
    line: int
    rule: str
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} [{self.rule}] {self.text} -> {self.remedy}"


@dataclass(frozen=True)
class Import:
    """One import of ours: `target` is a module that exists, or the dotted name as written."""

    target: str
    line: int
    type_only: bool


@dataclass
class Module:
    name: str
    path: str
    is_package: bool
    tree: ast.Module
    lines: list[str]
    imports: list[Import] = field(default_factory=list)

    @property
    def inside(self) -> str:
        """The name without the root: `model.uid`; empty for the root itself."""
        return self.name.removeprefix(ROOT).removeprefix(".")


def within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or (place and name.startswith(place + ".")) for place in places)


def layer_of(inside: str) -> tuple[str, int] | None:
    """The entry of LAYERS that `inside` falls under, and its layer."""
    parts = inside.split(".")
    for length in range(len(parts), 0, -1):
        entry = ".".join(parts[:length])
        if entry in LAYERS:
            return entry, LAYERS[entry]
    return None


def is_prefix_of_entry(inside: str) -> bool:
    return any(entry.startswith(inside + ".") for entry in LAYERS)


def read_modules(source: Path) -> dict[str, Module]:
    modules = {}
    for path in sorted(source.rglob("*.py")):
        relative = path.relative_to(source.parent)
        parts = list(relative.with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        text = path.read_text(encoding="utf-8")
        shown = str(Path(source.parent.name) / relative)
        modules[name] = Module(name, shown, is_package, ast.parse(text, shown), text.splitlines())
    return modules


class Reader(ast.NodeVisitor):
    """Walks one module, notes its imports of ours and what is against the rules that concern it alone."""

    def __init__(self, module: Module, known: dict[str, Module]) -> None:
        self.module = module
        self.known = known
        self.found: list[Violation] = []
        self.function_depth = 0
        self.type_only = False
        self.docstrings: set[ast.AST] = set()

    def report(self, node: ast.AST, rule: str, text: str, remedy: str) -> None:
        line = getattr(node, "lineno", 1)
        self.found.append(Violation(self.module.path, line, rule, text, remedy))

    # What is where

    def _note_docstring(
        self, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    ) -> None:
        if node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
            self.docstrings.add(node.body[0].value)

    def visit_Module(self, node: ast.Module) -> None:
        self._note_docstring(node)
        if self.module.is_package and self.module.name != ROOT:
            for statement in node.body:
                self._check_init_statement(statement)
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._note_docstring(node)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._note_docstring(node)
        for outer in (*node.decorator_list, node.args, node.returns):
            if outer is not None:
                self.visit(outer)
        self.function_depth += 1
        for statement in node.body:
            self.visit(statement)
        self.function_depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)
        self.function_depth += 1
        self.visit(node.body)
        self.function_depth -= 1

    def visit_If(self, node: ast.If) -> None:
        test = node.test
        name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
        if name != "TYPE_CHECKING":
            self.generic_visit(node)
            return
        self.type_only = True
        for statement in node.body:
            self.visit(statement)
        self.type_only = False
        for statement in node.orelse:
            self.visit(statement)

    # Imports

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._check_foreign(node, alias.name)
            if alias.name == ROOT:
                self._report_root(node, f"`import {ROOT}`")
            elif alias.name.startswith(ROOT + "."):
                self._note(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level:
            dots = "." * node.level
            self.report(
                node,
                "relative import",
                f"`from {dots}{node.module or ''} import ...`",
                f"write the full path, `from {ROOT}. ... import ...`",
            )
            return
        source = node.module or ""
        self._check_foreign(node, source)
        for alias in node.names:
            if source == "os" and alias.name in ENVIRONMENT:
                self._check_environment(node, f"os.{alias.name}")
            if source == "builtins" and alias.name in RUNS_TEXT:
                self._check_runs_text(node, alias.name)
            if source == ROOT or source.startswith(ROOT + "."):
                whole = f"{source}.{alias.name}"
                if whole in self.known:
                    self._note(node, whole)
                elif source == ROOT:
                    self._report_root(node, f"`from {ROOT} import {alias.name}`")
                else:
                    self._note(node, source)

    def _note(self, node: ast.AST, target: str) -> None:
        line = getattr(node, "lineno", 1)
        if self.function_depth:
            self.report(
                node,
                "import in a function",
                f"{target} is imported inside a function",
                "move it to the top of the module; if that makes a cycle, the direction is wrong",
            )
        if self.type_only and self.module.name != ROOT and not self._has_reason(line):
            self.report(
                node,
                "type-only import",
                f"{target} is imported under TYPE_CHECKING without a reason",
                "say why in a comment on the line or above it",
            )
        self.module.imports.append(Import(target, line, self.type_only))

    def _has_reason(self, line: int) -> bool:
        around = self.module.lines[max(0, line - 3) : line]
        return any("#" in text for text in around)

    def _report_root(self, node: ast.AST, what: str) -> None:
        if self.module.name != ROOT:
            self.report(node, "root import", what, "import from the module that defines the name")

    def _check_foreign(self, node: ast.AST, name: str) -> None:
        if name.split(".")[0] in UNSAFE_FORMATS:
            self.report(
                node,
                "unsafe format",
                f"{name} is imported",
                "its reader runs code it is given; use wire.codec",
            )

    # What may not be done where

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            if node.id in RUNS_TEXT:
                self._check_runs_text(node, node.id)
            if node.id == "__import__":
                self._check_import_by_name(node, None)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        owner = node.value.id if isinstance(node.value, ast.Name) else ""
        if owner == "os" and node.attr in ENVIRONMENT:
            self._check_environment(node, f"os.{node.attr}")
        if owner == "builtins" and node.attr in RUNS_TEXT:
            self._check_runs_text(node, node.attr)
        if node.attr in UNSAFE_READERS:
            self.report(node, "unsafe format", f"{node.attr} is used", "use wire.codec")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called == "import_module":
            self._check_import_by_name(node, node.args[0] if node.args else None)
        for keyword in node.keywords:
            if keyword.arg == "allow_pickle" and getattr(keyword.value, "value", None) is not False:
                self.report(node, "unsafe format", "allow_pickle is not False", "use wire.codec")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if not isinstance(node.value, str) or node in self.docstrings:
            return
        if within(self.module.inside, WRITES_HTML):
            return
        for sign in HTML:
            if sign in node.value:
                self.report(
                    node,
                    "HTML",
                    f"`{sign}` in a text",
                    "what a person sees is made in client/present.py and console/ only",
                )

    def _check_runs_text(self, node: ast.AST, name: str) -> None:
        if not within(self.module.inside, RUNS_STRANGERS_CODE):
            self.report(
                node,
                "text run as code",
                f"`{name}` is used",
                "code that came as text runs in sandbox/child.py only; to look at it, use ast.parse",
            )

    def _check_import_by_name(self, node: ast.AST, argument: ast.expr | None) -> None:
        literal = argument.value if isinstance(argument, ast.Constant) else None
        if isinstance(literal, str):
            self._check_foreign(node, literal)
            if literal.split(".")[0] != ROOT:
                return
        if not within(self.module.inside, IMPORTS_BY_NAME):
            self.report(
                node,
                "import by name",
                "a module is found by a name in a variable, or one of ours by its text",
                "write an import statement, or a table of what may be meant",
            )

    def _check_environment(self, node: ast.AST, name: str) -> None:
        if not within(self.module.inside, READS_ENVIRONMENT):
            self.report(
                node,
                "environment",
                f"`{name}` is used",
                "take what you need as a parameter; settings are read once, in config.py",
            )
        elif not self.function_depth and not isinstance(node, ast.ImportFrom):
            self.report(
                node,
                "environment",
                f"`{name}` is used when the module is imported",
                "read it in the function that starts the program",
            )

    def _check_init_statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            return
        if isinstance(node, ast.Expr) and node.value in self.docstrings:
            return
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if all(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                return
        self.report(
            node,
            "code in __init__",
            "an `__init__.py` does more than re-export",
            "move it to a module of its own and import it here",
        )


def check_directions(modules: dict[str, Module]) -> Iterator[Violation]:
    """Every module has a layer, and imports point down."""
    for module in modules.values():
        if module.name == ROOT:
            continue
        own = layer_of(module.inside)
        if own is None:
            if not (module.is_package and is_prefix_of_entry(module.inside)):
                yield Violation(
                    module.path,
                    1,
                    "layer",
                    f"{module.name} has no layer",
                    "put it into LAYERS in tests/test_architecture.py and into docs/ARCHITECTURE.md",
                )
            continue
        for one in module.imports:
            target = layer_of(one.target.removeprefix(ROOT + "."))
            if target is None or one.type_only or target[0] == own[0]:
                continue
            if target[1] == own[1]:
                yield Violation(
                    module.path,
                    one.line,
                    "layer",
                    f"{own[0]} and {target[0]} stand on one layer ({own[1]}), and it imports {one.target}",
                    "move what both need to a lower layer, or let a higher one bring them together",
                )
            elif target[1] > own[1]:
                yield Violation(
                    module.path,
                    one.line,
                    "layer",
                    f"{own[0]} (layer {own[1]}) imports {one.target} (layer {target[1]})",
                    "imports point down: take it as a parameter, or move what is needed lower",
                )


def check_type_only(modules: dict[str, Module]) -> Iterator[Violation]:
    """Imports of ours for type checking only are few: each hides a direction that the layers forbid."""
    type_only = [
        (module, one)
        for module in modules.values()
        for one in module.imports
        if one.type_only and module.name != ROOT  # the root spells its lazy names out for type checkers
    ]
    for module, one in type_only[TYPE_ONLY_LIMIT:]:
        yield Violation(
            module.path,
            one.line,
            "type-only import",
            f"{one.target} is one of {len(type_only)} under TYPE_CHECKING; {TYPE_ONLY_LIMIT} are allowed",
            "turn the direction round: a Protocol or a plain record on the lower layer",
        )


def run_time_edges(modules: dict[str, Module]) -> dict[str, dict[str, int]]:
    """What is run when a module is imported: its imports, and the packages around them.

    The packages around the importer itself are left out: they are already being imported.
    """
    edges: dict[str, dict[str, int]] = {}
    for module in modules.values():
        targets = edges.setdefault(module.name, {})
        for one in module.imports:
            if one.type_only:
                continue
            parts = one.target.split(".")
            for length in range(2, len(parts) + 1):
                name = ".".join(parts[:length])
                around = module.name == name or module.name.startswith(name + ".")
                if name in modules and (name == one.target or not around):
                    targets.setdefault(name, one.line)
    return edges


def check_cycles(modules: dict[str, Module]) -> Iterator[Violation]:
    """No module is reached from itself. The root is left out: it loads lazily, and nothing imports it."""
    edges = run_time_edges(modules)
    edges.pop(ROOT, None)
    done: set[str] = set()
    trail: list[str] = []

    def visit(name: str) -> Iterator[Violation]:
        if name in trail:
            circle = [*trail[trail.index(name) :], name]
            yield Violation(
                modules[circle[-2]].path,
                edges[circle[-2]][name],
                "cycle",
                " -> ".join(part.removeprefix(ROOT + ".") for part in circle),
                "move what the modules share into a third one below them",
            )
            return
        if name in done:
            return
        trail.append(name)
        for target in edges.get(name, {}):
            yield from visit(target)
        trail.pop()
        done.add(name)

    for name in edges:
        yield from visit(name)


def find_violations(source: Path) -> list[Violation]:
    """Everything in the tree at `source` that is against the architecture, in order of file and line."""
    modules = read_modules(source)
    found: list[Violation] = []
    for module in modules.values():
        reader = Reader(module, modules)
        reader.visit(module.tree)
        found += reader.found
    found += check_directions(modules)
    found += check_type_only(modules)
    found += check_cycles(modules)
    return sorted(set(found))


# The project itself


def test_the_source_keeps_to_the_architecture() -> None:
    found = find_violations(SOURCE)
    listing = "\n".join(f"  {one}" for one in found)
    assert not found, f"{len(found)} against the architecture (docs/ARCHITECTURE.md):\n{listing}"


# The rules themselves: each must be able to fail


def grow(folder: Path, files: dict[str, str]) -> Path:
    """A source tree with these files, in which every folder is a package."""
    source = folder / "src" / ROOT
    for name, text in {"__init__.py": "", **files}.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in [source, *source.rglob("*")]:
        if path.is_dir():
            (path / "__init__.py").touch()
    return source


SOUND = {
    "__init__.py": "import importlib\ndef __getattr__(name):\n    return importlib.import_module(name)\n",
    "errors.py": '"""Texts like <div style="x"> in a docstring do no harm."""\n',
    "config.py": "import os\ndef load():\n    return os.environ\n",
    "model/__init__.py": 'from syft.model.uid import UID\n__all__ = ["UID"]\n',
    "model/uid.py": "from syft import errors\nfrom syft.errors import *\nclass UID: ...\n",
    "model/messages/users.py": "import syft.errors\nfrom syft.model.uid import UID\n",
    "wire/codec.py": "import re\nimport syft.model\ndef f():\n    import pandas\n    re.compile('')\n",
    "code/capture.py": "import ast\ndef check(text):\n    return ast.parse(text)\n",
    "sandbox/child.py": "def run(text):\n    exec(compile(text, 'code', 'exec'), {})\n",
    "sandbox/zygote.py": "import importlib\ndef warm(name):\n    importlib.import_module(name)\n",
    "client/present.py": "ROW = '<table style=\"x\">'\n",
    "node/node.py": "import typing\nif typing.TYPE_CHECKING:\n    from syft.server import app  # a reason\n",
    "core/node/common/service/auth.py": "from syft.core.common.message import Message\n",
    "core/common/message.py": "class Message: ...\n",
    "service/policy/policy.py": "from syft.policy.inputs import ExactMatch\n",
}


def test_a_sound_tree_passes(tmp_path: Path) -> None:
    assert find_violations(grow(tmp_path, SOUND)) == []


BROKEN = [
    ("layer", {"errors.py": "from syft.model.uid import UID\n", "model/uid.py": ""}),
    ("layer", {"model/uid.py": "from syft import wire\n", "wire/codec.py": ""}),
    ("layer", {"model/uid.py": "import syft.wire.codec as codec\n", "wire/codec.py": ""}),
    ("layer", {"model/uid.py": "from syft.wire.codec import encode\n"}),  # not there yet, and already wrong
    ("layer", {"policy/base.py": "from syft.access.roles import Role\n", "access/roles.py": ""}),
    ("layer", {"logger.py": "from syft.errors import SyftException\n", "errors.py": ""}),
    ("layer", {"cli.py": "from syft.service.policy.policy import ExactMatch\n"}),
    ("layer", {"util.py": "from syft.core.node.vm import client\n"}),
    ("layer", {"surprise.py": ""}),
    ("layer", {"core/surprise.py": "from syft.messaging import protocol\n"}),
    ("root import", {"model/uid.py": "import syft\n"}),
    ("root import", {"model/uid.py": "import syft as sy\n"}),
    ("root import", {"model/uid.py": "from syft import UID\n"}),
    ("root import", {"model/uid.py": "from syft import *\n"}),
    ("import in a function", {"wire/codec.py": "def f():\n    from syft.model.uid import UID\n"}),
    (
        "import in a function",
        {"wire/codec.py": "class A:\n    async def f(self):\n        import syft.errors\n"},
    ),
    ("relative import", {"model/uid.py": "from . import naming\n"}),
    ("relative import", {"model/uid.py": "from ..errors import SyftException\n"}),
    ("cycle", {"model/a.py": "from syft.model import b\n", "model/b.py": "from syft.model.a import x\n"}),
    (
        "cycle",
        {
            "model/__init__.py": "from syft.model.uid import UID\n",
            "model/uid.py": "from syft.model import UID\n",
        },
    ),
    (
        "cycle",
        {
            "model/request.py": "from syft.model.messages.users import M\n",
            "model/messages/__init__.py": "from syft.model.messages.requests import R\n",
            "model/messages/requests.py": "from syft.model.request import Request\n",
        },
    ),
    ("unsafe format", {"store/base.py": "import pickle\n"}),
    ("unsafe format", {"store/base.py": "def f():\n    from marshal import loads\n"}),
    ("unsafe format", {"store/base.py": "import shelve as s\n"}),
    ("unsafe format", {"store/base.py": "import dill, os\n"}),
    ("unsafe format", {"store/base.py": "from cloudpickle.cloudpickle import dumps\n"}),
    ("unsafe format", {"store/base.py": "import importlib\nimportlib.import_module('pickle')\n"}),
    ("unsafe format", {"store/base.py": "import pandas\nf = pandas.read_pickle\n"}),
    ("unsafe format", {"store/base.py": "import numpy\nnumpy.load('x', allow_pickle=True)\n"}),
    ("text run as code", {"jobs/run.py": "exec('1')\n"}),
    ("text run as code", {"jobs/run.py": "def f(x):\n    return eval(x)\n"}),
    ("text run as code", {"code/capture.py": "c = compile('1', 'x', 'eval')\n"}),
    ("text run as code", {"sandbox/runner.py": "import builtins\nrun = builtins.exec\n"}),
    ("text run as code", {"sandbox/runner.py": "run = exec\n"}),
    ("text run as code", {"sandbox/runner.py": "from builtins import eval as look\n"}),
    ("import by name", {"wire/codec.py": "import importlib\ndef f(x):\n    importlib.import_module(x)\n"}),
    ("import by name", {"wire/codec.py": "def f():\n    __import__('json')\n"}),
    (
        "import by name",
        {"wire/codec.py": "from importlib import import_module\nimport_module('syft.node')\n"},
    ),
    ("environment", {"node/node.py": "import os\ndef f():\n    return os.environ['HOME']\n"}),
    ("environment", {"node/node.py": "from os import getenv\n"}),
    ("environment", {"client/login.py": "import os\ndef f():\n    return os.getenv('HOME')\n"}),
    ("environment", {"config.py": "import os\nHOME = os.environ['HOME']\n"}),
    ("HTML", {"model/uid.py": "def show(x):\n    return f'<div>{x}</div>'\n"}),
    ("HTML", {"client/pointer.py": "T = '<table>'\n"}),
    ("HTML", {"node/node.py": "T = '<b style=\"x\">'\n"}),
    (
        "type-only import",
        {"model/uid.py": "import typing\nif typing.TYPE_CHECKING:\n    import syft.node.node\n"},
    ),
    (
        "type-only import",
        {
            "model/uid.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
            + "".join(f"    from syft.node.n{n} import N  # a reason\n" for n in range(TYPE_ONLY_LIMIT + 1))
        },
    ),
    ("code in __init__", {"model/__init__.py": "TABLE = {}\n"}),
    ("code in __init__", {"model/__init__.py": '"""Words."""\ndef f(): ...\n'}),
]


@pytest.mark.parametrize(("rule", "files"), BROKEN, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(BROKEN)])
def test_each_rule_can_fail(tmp_path: Path, rule: str, files: dict[str, str]) -> None:
    found = find_violations(grow(tmp_path, files))
    assert {one.rule for one in found} == {rule}, "\n".join(map(str, found))


def test_a_violation_says_where_what_and_what_to_do(tmp_path: Path) -> None:
    source = grow(
        tmp_path, {"model/uid.py": "import json\n\nfrom syft.node.node import Node\n", "node/node.py": ""}
    )
    (only,) = find_violations(source)
    assert str(only) == (
        "src/syft/model/uid.py:3 [layer] model (layer 3) imports syft.node.node (layer 8)"
        " -> imports point down: take it as a parameter, or move what is needed lower"
    )


def test_every_exception_names_a_module_that_has_a_layer() -> None:
    exceptions = {*RUNS_STRANGERS_CODE, *READS_ENVIRONMENT, *WRITES_HTML, *IMPORTS_BY_NAME} - {""}
    assert [name for name in exceptions if layer_of(name) is None] == []
