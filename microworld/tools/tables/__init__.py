"""Facts the tools look up, as plain Python; each module names its source."""
