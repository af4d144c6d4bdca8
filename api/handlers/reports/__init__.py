"""Reports to print: one page of HTML each, with charts and without scripts, made of the figures of ``analytics``."""
