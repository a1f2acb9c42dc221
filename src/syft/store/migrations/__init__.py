"""This package holds the way from each schema to the next, for Alembic."""
