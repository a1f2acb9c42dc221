"""This package holds what can be said to a node, an area a module, and what it answers."""
