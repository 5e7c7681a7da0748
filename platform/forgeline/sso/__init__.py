"""Single sign-on: a company's own OpenID Connect provider opens that company, and nothing else (decision 0012)."""
