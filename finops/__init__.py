"""The FinOps module. The folders of the repository are its packages: a link each, here."""
