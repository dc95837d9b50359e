"""Names and forms of cupbearer and of earlier versions."""
