"""How well `POST /organisations:resolve` reads names: `python -m bench.organisations --data DIR`."""
