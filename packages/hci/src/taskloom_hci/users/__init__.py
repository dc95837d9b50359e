"""Users: who acts first in every round."""
