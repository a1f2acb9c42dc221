"""This module says what to do about a value that cannot travel."""

from __future__ import annotations

import enum
import types

_BY_KIND: dict[type, str] = {
    types.GeneratorType: "use list(...) of it",
    types.FunctionType: "functions do not travel; return what it computes",
    types.BuiltinFunctionType: "functions do not travel; return what it computes",
    types.MethodType: "functions do not travel; return what it computes (was a call's () forgotten?)",
    types.ModuleType: "modules do not travel",
    types.MappingProxyType: "use dict(...) of it",
    type({}.keys()): "use list(...) of it",
    type({}.values()): "use list(...) of it",
    type({}.items()): "use list(...) of it",
    map: "use list(...) of it",
    filter: "use list(...) of it",
    zip: "use list(...) of it",
    enumerate: "use list(...) of it",
    memoryview: "use bytes(...) of it",
    type: "of classes, only the built-in ones travel",
}

_BY_PACKAGE = {
    "collections": "use list(...) or dict(...) of it",
    "array": "use numpy.array(...) of it",
    "fractions": "use float(...) or str(...) of it",
    "pyarrow": "use .to_pandas() of it",
    "polars": "use .to_pandas() of it",
    "xarray": "use .to_dataframe() or .to_numpy() of it",
    "torch": "use .detach() of a parameter, .state_dict() of a module",
    "scipy": "use its numbers: .toarray() of a sparse matrix, float(...) of a statistic",
    "sklearn": "return what it has learnt as numbers (coef_, feature_importances_) or what it predicts",
    "statsmodels": "return its numbers (.params, .pvalues) or .summary().as_text()",
    "networkx": "use networkx.node_link_data(...) of it",
    "matplotlib": 'save it: buffer = io.BytesIO(); figure.savefig(buffer, format="png"); return buffer',
    "PIL": 'save it: buffer = io.BytesIO(); image.save(buffer, format="png"); return buffer',
    "numpy": "use numpy.asarray(...) of it, of a plain dtype",
    "pandas": "use a DataFrame or Series; aggregate a group first; make a sparse one .sparse.to_dense()",
}


def hint_for(kind: type, nearest: str | None) -> str:
    """What to send instead.

    Args:
        kind: the type that cannot travel.
        nearest: the name of the closest of its bases that can.
    """
    if issubclass(kind, enum.Enum):
        return "use its .value"
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    package = kind.__module__.partition(".")[0].lstrip("_")
    if package in _BY_PACKAGE:
        return _BY_PACKAGE[package]
    if nearest is not None:
        return f"the nearest that can is {nearest}: convert it"
    return "send its contents as plain values: dict, list, numpy array, pandas DataFrame, or an io.BytesIO"
