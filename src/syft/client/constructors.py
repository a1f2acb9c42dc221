"""This module makes values at a node to compute with: `client.numpy.zeros(3)`, `client.python.Int(5)`."""

from __future__ import annotations

from typing import Any

from syft.client.kept import send
from syft.client.operators import operate
from syft.client.pointer import HasSession, Pointer
from syft.errors import MissingExtra


class NumpyNames:
    """Arrays at a node. They are yours, nobody else finds them, and they go when you no longer point to them.

    Args:
        client: of the node.
    """

    def __init__(self, client: HasSession) -> None:
        self._client = client

    def zeros(self, shape: Any, dtype: Any = "float64") -> Pointer:
        """An array of zeros.

        Raises:
            LimitExceeded: more of them than are made at once.
        """
        return self._made("zeros", shape, dtype=dtype)

    def ones(self, shape: Any, dtype: Any = "float64") -> Pointer:
        """An array of ones.

        Raises:
            LimitExceeded: more of them than are made at once.
        """
        return self._made("ones", shape, dtype=dtype)

    def eye(self, *lengths: int, dtype: Any = "float64") -> Pointer:
        """A matrix with ones on its diagonal.

        Raises:
            LimitExceeded: larger than is made at once.
        """
        return self._made("eye", *lengths, dtype=dtype)

    def arange(self, *bounds: Any) -> Pointer:
        """Numbers from `start` to before `stop`, a step apart.

        Raises:
            LimitExceeded: more of them than are made at once.
        """
        return self._made("arange", *bounds)

    def array(self, values: Any) -> Pointer:
        """These values as an array there.

        Raises:
            MissingExtra: numpy is not installed here.
        """
        try:
            import numpy as np
        except ImportError:
            raise MissingExtra("This needs numpy: pip install 'datasite[data]'.") from None
        return send(self._client, np.asarray(values), pointable=False)

    def _made(self, op: str, *inputs: Any, **options: Any) -> Pointer:
        view = operate(self._client.session, op, inputs, options)
        pointer = Pointer(view.uid, client=self._client, view=view)
        pointer.let_die()
        return pointer


class PythonNames:
    """Python's own values at a node, as PySyft 0.5 named them.

    Args:
        client: of the node.
    """

    def __init__(self, client: HasSession) -> None:
        self._client = client

    def Int(self, value: Any = 0) -> Pointer:  # noqa: N802 - the names of 0.5
        """A whole number there."""
        return send(self._client, int(value), pointable=False)

    def Float(self, value: Any = 0.0) -> Pointer:  # noqa: N802
        """A fraction there."""
        return send(self._client, float(value), pointable=False)

    def Bool(self, value: Any = False) -> Pointer:  # noqa: N802
        """A truth value there."""
        return send(self._client, bool(value), pointable=False)
