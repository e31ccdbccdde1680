"""A company's project: a folder with its configuration and reference data. It is found as git finds a repository."""
