"""Tests of the loader that need no PostgreSQL."""
