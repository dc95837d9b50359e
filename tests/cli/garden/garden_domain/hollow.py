"""A module that does not import."""

import a_module_that_nobody_has  # noqa: F401
