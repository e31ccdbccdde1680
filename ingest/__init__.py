"""The loader: extracts what sources have, lands it in PostgreSQL, and runs dbt over it."""
