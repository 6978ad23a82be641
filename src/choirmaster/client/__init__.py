"""Clients of a choirmaster server: floor 0, httpx and pyarrow only."""

from choirmaster.client.asynchronous import AsyncClient
from choirmaster.client.blocking import Client

__all__ = ["AsyncClient", "Client"]
