"""User models: the probability of an action, declared once as array code."""
