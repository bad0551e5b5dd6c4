"""The unit of work of this service. `unit`: the transaction. `nearby`: a plan's candidates. `rows`: rows as others see them."""
