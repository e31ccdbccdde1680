"""What there is to ask about."""
