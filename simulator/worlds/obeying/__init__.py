"""What each command does to a hopper: checked first, then done whole."""
