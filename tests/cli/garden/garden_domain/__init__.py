"""A domain for tests: plants that grow by a formula."""
