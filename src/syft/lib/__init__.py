"""This package is a door: values that can be sent, as PySyft 0.5 had them."""

from syft.lib import numpy, python
from syft.lib.hook import hook

__all__ = ["hook", "numpy", "python"]
