"""This package holds one module a revision; `tables.REVISIONS` lists them in order."""
