"""This module is a door: arrays with `send`. numpy's own class takes no new names, so this is one of its kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from syft.lib.sendable import Sendable
from syft.workers.values import carry


class ndarray(Sendable, np.ndarray[Any, Any]):  # noqa: N801 - as numpy calls it
    """An array that can be sent. What is computed with it can be, too."""

    def plain(self) -> np.ndarray[Any, Any]:
        """As it travels: numpy's own."""
        return np.asarray(self)


def array(values: Any, **options: Any) -> ndarray:
    """An array that can be sent; see `numpy.array`."""
    made: ndarray = np.array(values, **options).view(ndarray)
    return made


carry(np.ndarray, lambda values: values.view(ndarray))
