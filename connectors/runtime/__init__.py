"""From readings to durable samples: routes, intake, pipeline, writer, spool, supervisor. Free of Django."""
