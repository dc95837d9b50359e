"""The games themselves: tasks that a user and an assistant play."""
