"""Who gets into the portal: log-in, second factor, sessions, passwords by e-mail, and the log of all that."""
