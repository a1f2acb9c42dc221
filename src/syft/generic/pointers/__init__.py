"""This package is a door: pointers, by the paths that PySyft 0.2 had them at."""
