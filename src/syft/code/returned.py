"""This module points out where a function returns an input as it is, or nearly."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from syft.code.aliases import Aliases
from syft.code.findings import Finding, Kind, short, words
from syft.code.flows import Place, reached, roots

# What these give has all that they are called on, or rows of it.
_SAME_METHODS: Final = frozenset(
    words(
        "copy deepcopy to_dict to_records to_numpy tolist to_list items keys values head tail sample nlargest "
        "nsmallest astype reset_index set_index sort_values sort_index fillna dropna rename drop transpose "
        "to_string to_json to_csv to_html to_markdown to_frame query filter reshape flatten ravel squeeze "
        "detach cpu numpy clone view melt pivot stack unstack explode assign round itertuples iterrows "
        "to_parquet to_bytes tobytes get pop"
    )
)
_SAME_ATTRIBUTES: Final = frozenset({"values", "T", "array", "data", "flat"})
_SAME_PLACES: Final = frozenset({"loc", "iloc", "at", "iat"})
_SAME_FUNCTIONS: Final = frozenset(
    words(
        "list dict tuple set frozenset sorted reversed str repr bytes iter enumerate copy.copy copy.deepcopy "
        "json.dumps numpy.array numpy.asarray numpy.copy pandas.DataFrame pandas.Series pandas.concat "
        "torch.tensor torch.from_numpy torch.as_tensor ascii format vars"
    )
)


def comes_back(nodes: list[ast.AST], aliases: Aliases, inputs: Iterable[str]) -> Iterator[Finding]:
    """Where a function returns an input as it is, or nearly.

    Args:
        nodes: all nodes of the text.
        aliases: what its names stand for.
        inputs: the names of its parameters.
    """
    edges: dict[Place, list[Place]] = {}
    for node in nodes:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.NamedExpr(target=ast.Name(id=name), value=value)
            ):
                for source, _ in _same(value, aliases):
                    edges.setdefault(source, []).append(name)
    origin = reached(edges, sorted(inputs))
    for node in nodes:
        if not isinstance(node, ast.Return) or node.value is None:
            continue
        how: dict[str, str] = {}
        for name, by in _same(node.value, aliases):
            if name in origin:
                how.setdefault(origin[name], by)
        for name, by in how.items():
            as_it_is = f"almost as it is ({by})" if by else "as it is"
            yield Finding(Kind.RETURN, node.lineno, f"returns the input '{short(name)}' {as_it_is}.", name)


def _same(value: ast.expr, aliases: Aliases) -> Iterator[tuple[str, str]]:
    """The names whose values an expression has in it whole, or in rows or columns; and by what it has them."""
    todo: list[tuple[ast.expr, str]] = [(value, "")]
    while todo:
        node, by = todo.pop()
        match node:
            case ast.Name(id=name):
                yield name, by
            case ast.Call(func=func, args=args) if (meant := aliases.of(func)) in _SAME_FUNCTIONS:
                todo += [(one, by or f"{meant}()") for one in args]
            case ast.Call(func=ast.Attribute(value=inner, attr=attr)) if attr in _SAME_METHODS:
                todo.append((inner, by or f".{attr}()"))
            case ast.Attribute(value=inner, attr=attr) if attr in _SAME_ATTRIBUTES | _SAME_PLACES:
                todo.append((inner, by or f".{attr}"))
            case ast.Subscript(value=inner):
                todo.append((inner, by or "[...]"))
            case (
                ast.ListComp(elt=elt, generators=[one])
                | ast.SetComp(elt=elt, generators=[one])
                | ast.GeneratorExp(elt=elt, generators=[one])
            ):
                if set(roots(elt)) & set(roots(one.target)):
                    todo.append((one.iter, by or "its elements"))
            case ast.DictComp(generators=[one]):
                todo.append((one.iter, by or "its elements"))
            case ast.Tuple(elts=elts) | ast.List(elts=elts) | ast.Set(elts=elts):
                todo += [(one, by) for one in elts]
            case ast.Dict(values=values):
                todo += [(one, by) for one in values]
            case ast.JoinedStr(values=values):
                todo += [(one, by or "as text") for one in values]
            case ast.FormattedValue(value=inner) | ast.Starred(value=inner) | ast.NamedExpr(value=inner):
                todo.append((inner, by))
            case ast.IfExp(body=body, orelse=orelse):
                todo += [(body, by), (orelse, by)]
            case ast.BoolOp(values=values):
                todo += [(one, by) for one in values]
