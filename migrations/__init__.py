"""The schema: plain SQL, forward only, one file a step; ``cryptwire migrate`` applies what is missing."""
