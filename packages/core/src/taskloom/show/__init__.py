"""Display in a session: runs, sweeps, reports and tables in the cell of a notebook, and frames of pandas."""
