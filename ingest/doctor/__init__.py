"""`finops doctor`: what a nightly needs, checked."""
