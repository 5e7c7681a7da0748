"""The plant's OPC UA server, after the companion specifications Machinery (OPC 40001-1) and PackML (OPC 30050)."""
