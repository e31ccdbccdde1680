"""The Cost Insights plugin."""
