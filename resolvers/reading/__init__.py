"""How resolvers read: what is selected, by which statements, in which pages."""
