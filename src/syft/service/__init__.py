"""This package is a door: import paths of PySyft 0.9."""
