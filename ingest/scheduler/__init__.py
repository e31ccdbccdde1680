"""`finops serve-schedule`: start the nightly by a cron expression."""
