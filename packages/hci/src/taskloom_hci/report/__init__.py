"""The report's section of this domain, and its drawings."""
