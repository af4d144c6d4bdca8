"""What the processor does: runs jobs, each once among all replicas, and compares trades."""
