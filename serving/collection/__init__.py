"""Collecting money: payment methods, attempts, arrears, bank transfers."""
