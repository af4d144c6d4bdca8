"""What the controller decides, without waiting, talking or asking the time."""
