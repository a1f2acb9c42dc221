"""Computations over several sites."""
