"""This package decides what code may be run on and what of it may leave."""
