"""Where the mails of a development stack end: a mail server that delivers nothing, and a page that shows what it took.

Only the dev stack starts it. Kept below the data folder, the newest 500.
"""
