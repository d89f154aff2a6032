"""What customers are to be told: records, from which mails are written."""
