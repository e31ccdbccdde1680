"""`/v1/me` and `/v1/runs`."""
