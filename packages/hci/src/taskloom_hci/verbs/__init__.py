"""What can be done under `tasks hci`, besides running tasks."""
