"""This package puts a node on HTTP; no decision is made in it."""
