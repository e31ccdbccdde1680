"""`finops serve-schedule`: the nightly by a cron expression."""
