"""What people read of runs, of coverage and of the tables."""
