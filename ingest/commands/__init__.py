"""Commands of `finops`, a module a topic; each imports what it runs when it runs."""
