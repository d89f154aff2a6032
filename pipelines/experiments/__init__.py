"""Analyses experiments: effects with bounds that hold at every look, splits, exposures."""
