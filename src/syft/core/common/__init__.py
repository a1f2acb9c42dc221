"""This package is a door: what messages, nodes and addresses of PySyft 0.5 have in common."""
