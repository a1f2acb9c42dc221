"""This package is a door: plans and protocols as PySyft 0.2 has them."""
