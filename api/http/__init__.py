"""What every route shares: problems, responses, pages, metrics."""
