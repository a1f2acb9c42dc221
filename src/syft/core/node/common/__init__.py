"""This package is a door: what all nodes and clients of PySyft 0.5 have."""
