"""Planning: the controller, splines through knots, action normalizers."""
