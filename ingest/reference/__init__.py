"""The company's reference data: who owns what, what a product is, and what it costs."""
