"""The worker's consumer group, which tools ask how far it is."""

WORKER_GROUP = "gridalert-worker"
