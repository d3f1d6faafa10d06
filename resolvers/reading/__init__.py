"""Reading: the relations, statements, loaders and pages of resolvers."""
