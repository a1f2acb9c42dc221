"""Compute on data that you are not allowed to see."""
