"""Messages in, figures out: of hoppers, of pairs, and who wants which."""
