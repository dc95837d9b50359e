"""Fitting: from recorded decisions of people to the parameters of a user model, and back to users and assistants."""
