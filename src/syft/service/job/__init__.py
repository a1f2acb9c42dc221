"""This package is a door: jobs by the import path of PySyft 0.9."""
