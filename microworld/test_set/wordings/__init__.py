"""Hand-written wordings, a module a family; `microworld.test_set.make` fills and executes them."""
