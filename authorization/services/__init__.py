"""The entry points that views, tasks, commands and the admin call."""
