"""Sources read as rows: files, databases, and the amounts of the configuration."""
