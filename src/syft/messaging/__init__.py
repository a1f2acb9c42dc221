"""This package is a door: plans and protocols by the paths that PySyft 0.2 has them at."""
