"""Experiments as decisions: who takes part in which arm, whether the split is as drawn, whether harm is proven.

They stand in the core because both the service, which acts on them, and the pipelines, which show them, must decide
alike, and neither may import the other.
"""
