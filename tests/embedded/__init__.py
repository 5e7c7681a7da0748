"""The services that `make up` brings and what watches them, all with real processes."""
