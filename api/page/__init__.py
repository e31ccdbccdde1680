"""The page that people look at, and the API's documentation: static files, which ask `/v1` as any client does."""
