"""What the tracker decides, without waiting, talking or asking the time."""
