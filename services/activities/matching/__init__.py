"""Finds plans that are the same activity, or that collide. Pure: no I/O, no clock, importable alone.

The seam is `engine.match(features, FeatureTable) -> [Match]`: everything inside is fixed-width integer columns, stored
packed beside the plan; objects are built only for explained survivors. The weights of today are a first additive
table; what stands before and behind the seam does not know that.

- `features`: a plan's text -> one packed row. `words`: titles without places, years and ordinals. `codes`: bits.
- `candidates`: which rows a plan leaves in the side tables, and which bounded ranges to read for it.
- `table`: many rows as columns. `levels`: how alike, per field. `weights`: what a level is worth. `engine`: the sum.
- `groups`: pairs -> activities, without chaining. `overlaps`: conflicts between different activities.
- `phrases`, `explain`: why, in sentences.
"""
