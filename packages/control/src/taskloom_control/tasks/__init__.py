"""The shipped tasks, one file each."""
