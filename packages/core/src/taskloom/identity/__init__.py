"""Identity of a run: the config, the content of its inputs, and the code and packages that ran."""
