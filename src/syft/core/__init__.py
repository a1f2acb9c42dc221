"""This package is a door: the import paths of PySyft 0.5, which called its nodes devices and domains."""
