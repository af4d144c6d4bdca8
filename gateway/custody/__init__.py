"""Users' tokens: sealed where they are stored, opened only for a call, renewed once however many ask."""

from gateway.custody.custody import Custody as Custody
from gateway.custody.keys import providers as providers
