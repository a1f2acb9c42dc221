"""This package is a door: policies by the import path of PySyft 0.9."""
