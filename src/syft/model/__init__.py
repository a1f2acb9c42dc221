"""This package holds the words everything else is said in: frozen records that check themselves, no I/O, no clock."""
