"""Tasks that are given as code and are not installed: a class in a file, in a script, or in the cell of a notebook."""
