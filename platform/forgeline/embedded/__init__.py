"""The services that `make up` brings and the processes that it watches. None is needed in production."""
