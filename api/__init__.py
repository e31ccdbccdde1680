"""The FinOps API: read-only, on the aggregates, each caller its own groups."""
