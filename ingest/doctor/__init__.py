"""`finops doctor`: check everything that a nightly needs."""
