"""Chinese: Django groups no digits, and nobody reads 3000000000 at a glance."""

THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
