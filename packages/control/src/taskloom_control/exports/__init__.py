"""Forms in which other libraries take the control tasks."""
