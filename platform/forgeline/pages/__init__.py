"""Base templates, tags, components, navigation: how every page looks. Not here: any page of its own."""
