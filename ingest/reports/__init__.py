"""Reports for people: runs, coverage, and the docs of every table."""
