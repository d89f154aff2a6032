"""Previewing and confirming a change of plan."""
