"""Templates of `tasks new search NAME` and `tasks new component search.searchers NAME`; their values begin with a dollar sign."""
