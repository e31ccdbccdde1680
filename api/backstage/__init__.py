"""What Backstage's plugins ask."""
