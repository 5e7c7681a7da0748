"""Alarms: rules on points, judged as samples come; few, true, told to the right person."""
