"""Forgeline's Python client: typed, patient, with pandas in and out. It imports nothing of the house."""

from forgeline_client.aio import AsyncClient
from forgeline_client.client import Client
from forgeline_client.errors import (
    ApiError,
    ChangedMeanwhileError,
    ClientError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotAuthenticatedError,
    NotFoundError,
    RateLimitedError,
    TooLargeError,
    UnavailableError,
    UnprocessableError,
)
from forgeline_client.live import Alarms, Event, Gap, Live, Refused, Samples
from forgeline_client.retries import Patience
from forgeline_client.writing import Written

__all__ = [
    "Alarms",
    "ApiError",
    "AsyncClient",
    "ChangedMeanwhileError",
    "Client",
    "ClientError",
    "ConflictError",
    "Event",
    "ForbiddenError",
    "Gap",
    "InvalidInputError",
    "Live",
    "NotAuthenticatedError",
    "NotFoundError",
    "Patience",
    "RateLimitedError",
    "Refused",
    "Samples",
    "TooLargeError",
    "UnavailableError",
    "UnprocessableError",
    "Written",
]
__version__ = "0.1.0"
