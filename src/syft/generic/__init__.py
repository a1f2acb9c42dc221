"""This package is a door: what PySyft 0.2 had for everything that can be sent."""
