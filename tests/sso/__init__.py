"""Single sign-on against a provider of another make."""
