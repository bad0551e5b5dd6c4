"""Finds plans that are the same activity, or that collide. Pure: no I/O, no clock, importable alone.

The seam is `engine.match(features, FeatureTable) -> [Match]`: everything inside is fixed-width integer columns, stored
packed beside the plan; objects are built only for explained survivors. A pair is the same activity, two of one series, or
unrelated.

- `features`: a plan's text -> one packed row. `codes`: bits.
- `days`, `towns`: what a sentence or a place field tells of when and where.
- `words`: a text taken apart, in eight languages, by `lexicon`, `concepts`, `named` (organisations), `ordinals` and `language`.
- `candidates`: which keys a plan leaves, and which bounded ranges of others' to read for it; `ranking`: which
  of the plans that came share most.
- `table`: many rows as columns. `levels`: how alike, per field (`dating`: in their dates; `picking`: how a level is picked).
- `weights`: what a level is worth. `engine`: the sums; `sieve`: those of very many pairs, of which few matter.
- `fitting`: weights from labelled pairs.
- `groups`: pairs -> activities, without chaining. `overlaps`: conflicts between different activities.
- `phrases`, `explain`: why, in sentences.
"""
