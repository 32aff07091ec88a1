"""Recipes of docs/recipes: an app of each framework, from plain compose to its second version."""
