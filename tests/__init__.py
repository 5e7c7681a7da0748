"""The tests mirror the house; services/ and simulators/ bring the real parts they talk to."""
