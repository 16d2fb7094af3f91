"""Networks and how each was made."""
