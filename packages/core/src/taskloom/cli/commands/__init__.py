"""The commands of taskloom, one file each; `cli/table.py` lists them."""
