"""This package carries parcels to nodes: a contract, and two ways of keeping it."""
