"""This package is a door: an import path of PySyft 0.9."""
