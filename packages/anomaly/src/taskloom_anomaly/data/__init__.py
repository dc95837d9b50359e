"""Data sets as arrays, and the sources that can be had offline."""
