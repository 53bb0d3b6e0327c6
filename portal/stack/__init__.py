"""What `make run` and `make test` start: PostgreSQL and Valkey from their wheels, and the portal's own processes.

Nothing in this package imports Django: it runs before there is a database to be configured for.
"""
