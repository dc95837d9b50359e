"""Completion in the shell: the installed script, and the answers it asks for."""
