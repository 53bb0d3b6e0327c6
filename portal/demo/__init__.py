"""A demo world that looks real: parties, places, cards, rules, a day of decisions, and people to log in as.

cast: the parties and what happens between them, the same in every world. names: what everything else is made of.
places, world, crowd: rows by natural keys, from a seed, without a database. load, sql: rows into the database.
day, people: what can only be made in one.
"""
