"""Names and forms of the seed system and of earlier versions."""
