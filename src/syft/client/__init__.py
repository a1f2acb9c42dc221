"""This package is what a person holds: clients, what they show, and Syft functions."""
