"""Templates of plugin packages, and what fills them in. A domain brings its own; see `DomainRef.scaffold`."""
