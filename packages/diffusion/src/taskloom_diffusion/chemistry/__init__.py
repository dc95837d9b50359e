"""Figures of sets of molecules: MOSES, GuacaMol, GenMol."""
