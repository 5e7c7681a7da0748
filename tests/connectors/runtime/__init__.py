"""The road from a reading to a durable batch, with a recording sink and a real disk."""
