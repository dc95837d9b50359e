"""The engines that roll plans out, one a module."""
