"""Runs all steps day by day: only what new, late, corrected or erased rows touch is computed again."""
