"""Notifications for customers, and the mails written from them."""
