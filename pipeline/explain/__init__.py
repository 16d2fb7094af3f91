"""Why there is an alert, why there is none, when it is due, and what the duty desk is asked."""
