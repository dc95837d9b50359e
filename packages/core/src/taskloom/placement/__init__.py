"""Placement of whole runs: in this process, in local processes, on Ray, on Slurm."""
