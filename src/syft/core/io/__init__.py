"""This package is a door: addresses, locations and routes of PySyft 0.5."""
