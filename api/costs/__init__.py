"""`/v1/costs` and its relatives."""
