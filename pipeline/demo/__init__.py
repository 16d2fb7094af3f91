"""The whole flow on recorded material, on a real Kafka or, without one, in one process."""
