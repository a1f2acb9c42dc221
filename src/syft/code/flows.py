"""This module points out where what is made of a function's inputs goes, besides the result that its policy is about.

It follows names only, and errs on the side of saying too much: that costs a reviewer a minute.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from syft.code.aliases import Aliases
from syft.code.findings import Finding, Kind, short, words

# What is said with a value goes to one of these.
_WRITERS: Final = {
    "print": "prints",
    "pprint.pprint": "prints",
    "pprint.pp": "prints",
    "warnings.warn": "warns of",
    "sys.stdout.write": "prints",
    "sys.stderr.write": "prints",
    "sys.stdout.writelines": "prints",
    "sys.stderr.writelines": "prints",
    "sys.stdout.buffer.write": "prints",
    "sys.displayhook": "prints",
    "os.write": "writes",
    "traceback.print_exc": "prints",
    "display": "shows",
}
_LOGGED: Final = frozenset(words("debug info warning warn error critical exception log"))
_PROGRESS: Final = frozenset(words("init_progress set_progress increment_progress"))
_EXITS: Final = frozenset({"exit", "quit", "sys.exit", "os._exit", "SystemExit"})
_SLEEPS: Final = frozenset({"time.sleep", "asyncio.sleep", "threading.Event.wait"})
_FILE_NAMED: Final = frozenset(
    words(
        "open to_csv to_parquet to_pickle to_excel to_json to_html savefig imsave save savetxt savez "
        "write_image"
    )
)
# What these are called on has then what they are called with.
_KEEPING: Final = frozenset(words("append appendleft extend add update insert setdefault put write"))


@dataclass
class _Sink:
    """A place where something is said.

    Args:
        kind: of the finding.
        line: where.
        says: the sentence, around what it is made of.
        names: that are used there.
    """

    kind: Kind
    line: int
    says: tuple[str, str]
    names: set[str] = field(default_factory=set)


# A name, or the number of a statement or condition that values go through.
Place = str | int


class _Flows:
    """Which names go where in a text. Built in one pass, each node seen once: sources are hostile, and long."""

    def __init__(self, tree: ast.AST, aliases: Aliases, inputs: Iterable[str]) -> None:
        self._aliases = aliases
        self._edges: dict[Place, list[Place]] = {}
        self._count = 0
        self._sinks: list[_Sink] = []
        # What happens only where a condition holds: the condition's number, and what to say.
        self._conditional: list[tuple[int, Kind, int, tuple[str, str]]] = []
        self._inner: set[str] = set()
        self._inputs = frozenset(inputs)
        # What these are given is known: inputs, values of the caller's own, options of a policy.
        top = tree.body if isinstance(tree, ast.Module) else []
        methods = [one for outer in top if isinstance(outer, ast.ClassDef) for one in outer.body]
        self._outer = {id(one) for one in (*top, *methods)}
        self._todo: list[tuple[ast.AST, int | None, int | None, int | None]] = [(tree, None, None, None)]
        while self._todo:
            self._look(*self._todo.pop())

    def _new(self) -> int:
        self._count += 1
        return self._count

    def _edge(self, source: Place, target: Place) -> None:
        self._edges.setdefault(source, []).append(target)

    def _push(
        self, nodes: Iterable[ast.AST | None], flow: int | None, sink: int | None, condition: int | None
    ) -> None:
        self._todo += [(node, flow, sink, condition) for node in nodes if node is not None]

    def _under(self, condition: int | None) -> int:
        inner = self._new()
        if condition is not None:
            self._edge(condition, inner)
        return inner

    def _give(
        self,
        value: ast.AST,
        targets: Iterable[ast.AST],
        flow: int | None,
        sink: int | None,
        condition: int | None,
    ) -> None:
        """A value goes to names."""
        through = self._new()
        if flow is not None:
            self._edge(through, flow)
        for target in targets:
            for name in roots(target):
                self._edge(through, name)
        self._push([value], through, sink, condition)

    def _look(self, node: ast.AST, flow: int | None, sink: int | None, condition: int | None) -> None:
        match node:
            case ast.Name(id=name):
                if isinstance(node.ctx, ast.Load):
                    if flow is not None:
                        self._edge(name, flow)
                    if sink is not None:
                        self._sinks[sink].names.add(name)
            case ast.Assign(targets=targets, value=value):
                self._give(value, targets, flow, sink, condition)
            case ast.AugAssign(target=target, value=value):
                self._give(value, [target], flow, sink, condition)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._give(value, [target], flow, sink, condition)
            case ast.NamedExpr(target=target, value=value):
                self._give(value, [target], flow, sink, condition)
                if sink is not None:
                    self._sinks[sink].names.add(target.id)
            case ast.withitem(context_expr=value, optional_vars=target):
                self._give(value, [target] if target else [], flow, sink, condition)
            case ast.For() | ast.AsyncFor():
                inside = self._loop(node.iter, node.target, flow, sink, condition)
                self._push([*node.body, *node.orelse], flow, sink, inside)
            case ast.comprehension():
                self._loop(node.iter, node.target, flow, sink, condition)
                self._push(node.ifs, flow, sink, condition)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                inside = self._comprehended(node.generators, condition)
                self._push([node.elt, *node.generators], flow, sink, inside)
            case ast.DictComp():
                inside = self._comprehended(node.generators, condition)
                self._push([node.key, node.value, *node.generators], flow, sink, inside)
            case ast.If() | ast.While():
                inside = self._under(condition)
                self._push([node.test], inside, sink, condition)
                self._push([*node.body, *node.orelse], flow, sink, inside)
            case ast.Match():
                inside = self._under(condition)
                self._push([node.subject], inside, sink, condition)
                self._push(node.cases, flow, sink, inside)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self._function(node, flow, sink, condition)
            case ast.Raise():
                self._raise(node, flow, condition)
            case ast.Assert():
                inside = self._under(condition)
                self._fails(inside, node.lineno)
                self._push([node.test], inside, sink, condition)
                self._push([node.msg], flow, self._sink(*_raised(node.lineno)), condition)
            case ast.Call():
                self._call(node, flow, sink, condition)
            case _:
                self._push(ast.iter_child_nodes(node), flow, sink, condition)

    def _loop(
        self, over: ast.expr, target: ast.AST, flow: int | None, sink: int | None, condition: int | None
    ) -> int | None:
        """A loop; the condition that its body is under, where how often it runs is chosen by a value."""
        self._give(over, [target], flow, sink, condition)
        if not _counts(over):
            return condition
        inside = self._under(condition)
        for name in _few_names(over):
            self._edge(name, inside)
        return inside

    def _comprehended(self, generators: list[ast.comprehension], condition: int | None) -> int | None:
        for one in generators:
            if _counts(one.iter) or one.ifs:
                condition = self._under(condition)
                for part in (one.iter, *one.ifs) if _counts(one.iter) else one.ifs:
                    for name in _few_names(part):
                        self._edge(name, condition)
        return condition

    def _function(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        flow: int | None,
        sink: int | None,
        condition: int | None,
    ) -> None:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
        if id(node) not in self._outer:
            # What an inner function is given may be anything.
            self._inner |= {one.arg for one in every} - self._inputs
        self._push([*arguments.defaults, *arguments.kw_defaults], flow, sink, condition)
        if isinstance(node, ast.Lambda):
            self._push([node.body], flow, sink, condition)
        else:
            self._push([*node.decorator_list, *node.body], None, None, condition)

    def _raise(self, node: ast.Raise, flow: int | None, condition: int | None) -> None:
        if condition is not None:
            self._fails(condition, node.lineno)
        self._push([node.exc, node.cause], flow, self._sink(*_raised(node.lineno)), condition)

    def _fails(self, condition: int, line: int) -> None:
        says = ("fails where something holds of ", ": whether it does is told to whoever runs it, ten times.")
        self._conditional.append((condition, Kind.ERROR, line, says))

    def _sink(self, kind: Kind, line: int, says: tuple[str, str]) -> int:
        self._sinks.append(_Sink(kind, line, says))
        return len(self._sinks) - 1

    def _call(self, node: ast.Call, flow: int | None, sink: int | None, condition: int | None) -> None:
        meant = self._aliases.of(node.func)
        attr = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        given = [*node.args, *node.keywords]
        to = _sink_of(meant, attr, node.lineno)
        if to is not None:
            self._push([node.func], flow, sink, condition)
            self._push(given, flow, self._sink(*to), condition)
            return
        if attr == "launch_job" and condition is not None:
            says = (
                "launches a function as often as ",
                " says: how long that takes is told to whoever runs it.",
            )
            self._conditional.append((condition, Kind.LAUNCH, node.lineno, says))
        if (attr or meant) in _FILE_NAMED and node.args:
            says = ("names a file by something made of ", ".")
            self._push(node.args[:1], flow, self._sink(Kind.FILE, node.lineno, says), condition)
            given = given[1:]
        # `kept.append(value)`: what is called has it then.
        for name in roots(node.func) if attr in _KEEPING and given else ():
            through = self._new()
            if flow is not None:
                self._edge(through, flow)
            self._edge(through, name)
            flow = through
            break
        self._push([node.func, *given], flow, sink, condition)

    def findings(self) -> Iterator[Finding]:
        """What goes somewhere and is made of inputs."""
        origin = reached(self._edges, sorted(self._inputs) + sorted(self._inner))
        for sink in self._sinks:
            for name in sorted({origin[one] for one in sink.names if one in origin}):
                yield Finding(sink.kind, sink.line, self._about(name).join(sink.says), name)
        for condition, kind, line, says in self._conditional:
            if condition in origin:
                name = origin[condition]
                yield Finding(kind, line, self._about(name).join(says), name)

    def _about(self, name: str) -> str:
        if name in self._inputs:
            return f"the input '{short(name)}'"
        return f"'{short(name)}', which an inner function is given"


def _raised(line: int) -> tuple[Kind, int, tuple[str, str]]:
    says = (
        "puts something made of ",
        " into an error: of a private run its text stays with the owner, its type and line do not.",
    )
    return Kind.ERROR, line, says


def _sink_of(meant: str, attr: str, line: int) -> tuple[Kind, int, tuple[str, str]] | None:
    """Where what is handed to a call goes, where it goes out."""
    if meant in _WRITERS:
        return Kind.PRINT, line, (f"{_WRITERS[meant]} something made of ", ".")
    top = meant.partition(".")[0].lower()
    if attr in _LOGGED and (top.startswith("log") or top.endswith(("log", "logger"))):
        return (
            Kind.PRINT,
            line,
            ("writes something made of ", f" to a log (.{attr}()), which is an output, too."),
        )
    if attr in _PROGRESS:
        return (
            Kind.PROGRESS,
            line,
            ("tells as its progress something made of ", ": whoever runs it sees tenths."),
        )
    if meant in _EXITS:
        return _raised(line)
    if meant in _SLEEPS:
        says = ("waits for as long as ", " says: how long a run takes is told to whoever runs it.")
        return Kind.TIME, line, says
    return None


def _counts(over: ast.expr) -> bool:
    """Whether how often a loop runs is a value of somebody's: `range(n)`, or an input one by one. Over parts of an
    input, which is how functions are launched over large data, it is not."""
    match over:
        case ast.Name() | ast.Call(func=ast.Name(id="range")):
            return True
        case _:
            return False


def _few_names(node: ast.AST) -> Iterator[str]:
    """The names in an expression, as far as a short one goes."""
    for _, one in zip(range(200), ast.walk(node), strict=False):
        if isinstance(one, ast.Name):
            yield one.id


def roots(target: ast.AST) -> Iterator[str]:
    """The names that a target gives something to: `x` of `x`, of `x[0]`, and of `x.y`."""
    todo: list[ast.AST] = [target]
    while todo:
        match todo.pop():
            case ast.Name(id=name):
                yield name
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                todo += elts
            case ast.Starred(value=value) | ast.Subscript(value=value) | ast.Attribute(value=value):
                todo.append(value)


def reached(edges: dict[Place, list[Place]], starts: Iterable[str]) -> dict[Place, str]:
    """All that can be reached, each with the first start that it was reached from."""
    origin: dict[Place, str] = {}
    todo: deque[Place] = deque()
    for start in starts:
        origin.setdefault(start, start)
        todo.append(start)
    while todo:
        place = todo.popleft()
        for following in edges.get(place, ()):
            if following not in origin:
                origin[following] = origin[place]
                todo.append(following)
    return origin


def goes_out(tree: ast.AST, aliases: Aliases, inputs: Iterable[str]) -> Iterator[Finding]:
    """Where what is made of the inputs goes besides the result: printed, logged, raised, told, waited for.

    Args:
        tree: of the text.
        aliases: what its names stand for.
        inputs: the names of its parameters.
    """
    yield from _Flows(tree, aliases, inputs).findings()
