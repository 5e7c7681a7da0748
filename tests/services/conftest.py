"""Hand this folder's own tests the parts they prove."""

from tests.services.fixtures import columnstore_url, timescale_url

__all__ = ["columnstore_url", "timescale_url"]
