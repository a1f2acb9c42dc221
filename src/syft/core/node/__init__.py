"""This package is a door: nodes of PySyft 0.5, each of which is the one node of this library."""
