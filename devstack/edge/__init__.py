"""One address for what the outside sees: API with the app, datafeed and webhook, mounted in one process.

In Kubernetes each of the three runs alone behind the ingress, which routes the same paths.
"""
