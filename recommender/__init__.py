"""The core: it decides and touches nothing, no file, no clock, no network."""
