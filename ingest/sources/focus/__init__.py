"""Sources of FOCUS exports: bills."""
