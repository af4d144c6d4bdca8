"""The budgets of docs/architecture.md, measured: ``python -m bench [NAME …]``; ``bench.soak`` watches a whole stack.

Each module measures one thing and says how in its docstring. Nothing here is a test: a number over its budget is told,
not raised.
"""
