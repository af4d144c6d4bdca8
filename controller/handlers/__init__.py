"""The controller at work."""
