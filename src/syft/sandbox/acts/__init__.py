"""This package is what a run must not be able to do, each as a function that does it where it is not prevented."""
