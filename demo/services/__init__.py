"""Made-up services: what OpenStack, GitLab, Backstage and the others answer about the made-up company."""
