"""People, memberships, roles, API keys, and who may do what. Not here: the pages that ask (web)."""
