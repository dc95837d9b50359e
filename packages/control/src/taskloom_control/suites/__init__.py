"""Tasks of other packages, with their own rewards and observations; each package is optional and never imported by a listing."""
