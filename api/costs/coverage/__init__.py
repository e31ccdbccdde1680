"""How much of the costs is allocated and measured, and what to mend."""
