"""Reading of run folders, whatever lies in them: the one place that opens their files."""
