"""Calls to the gateway, for the services that may make them: domain values in and out, errors of ours."""

from cryptwire.gateway_client.client import DEADLINE, GatewayClient, Link, LinkState, connect
from cryptwire.gateway_client.line import SERVICE, Identity

__all__ = ["DEADLINE", "SERVICE", "GatewayClient", "Identity", "Link", "LinkState", "connect"]
