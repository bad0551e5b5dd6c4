"""How well matching decides: a seeded generator of plans with their truth, and the figures made from it.

- `generator`: the command's side: `generate(seed, plans, recipe)` -> postings and the outcome of each pair of interest.
- `activities`: what happens in that world. `siblings`: what is taken for it and is not (editions, phases, roll-outs).
- `postings`: one partner's account of an activity; `titles`, `texts`, `dates` make its parts. `vocabulary`: the tables.
- `marginals`: how hard the pairs are, beside what was measured on real ones.
- `blocking`: candidate pairs, exhaustive and simple. `training`: labelled candidate pairs for a fit of weights.
- `quality`, `baselines`, `figures`: the engine beside simpler rules, on the generator and on a labelled list.
"""
