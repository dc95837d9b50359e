"""A domain for tests of the core: small tasks that count, hang, fail and misbehave on request."""
