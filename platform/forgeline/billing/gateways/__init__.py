"""Ways in which companies pay. The contract is in ``base``; docs/gateways.md says how to write the next one."""
