"""This package is a door: what nodes of PySyft 0.5 do when a message comes."""
