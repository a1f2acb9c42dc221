"""This package is a door: locations of PySyft 0.5."""

from syft.core.io.location.specific import SpecificLocation

__all__ = ["SpecificLocation"]
