"""Which organisation a written name means: a pure scorer, no I/O, no clock.

reading   a name taken apart: its words, countries, acronyms; the keys it is found by in the database
levels    field by field, how alike two readings are
resolving additive whole-number weights, ranked candidates with a probability, and the rows that sum to it
weights   the table that ships (`weights.json`), fitted by `bench/organisations`
"""
