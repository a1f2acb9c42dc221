"""This package is a door: what of PySyft 0.5 can become bytes."""
