"""The InfraWallet plugin."""
