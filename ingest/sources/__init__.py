"""Where records come from: one module a way of reading, sources as data."""
