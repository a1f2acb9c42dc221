"""This package holds what may be done with a value that is elsewhere: a closed table, functions without I/O."""
