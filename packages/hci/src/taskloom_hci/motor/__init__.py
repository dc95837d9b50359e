"""Motor control: optimal feedback for linear systems, and the arm that points."""
