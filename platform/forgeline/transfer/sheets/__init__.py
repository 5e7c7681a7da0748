"""Tables of the plant and its people as CSV and XLSX: read with every fault by cell, applied whole or not at all."""
