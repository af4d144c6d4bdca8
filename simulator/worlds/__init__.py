"""Users, their hoppers, and how those trade."""
