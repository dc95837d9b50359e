"""One run, from its config to its report: the one path that every run follows, in `taskloom.lifecycle.lifecycle`."""
