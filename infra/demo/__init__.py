"""The demo on real input: `plans.json` (what is posted), `expected.json` (what must come out), and their loading.

- `load`     posts the plans through the public API, once
- `telling`  says where to look afterwards
"""
