"""What every protocol calls: asking and reporting, authorizations in use, commands, offline lists, messages."""
