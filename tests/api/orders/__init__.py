"""Orders over HTTP: what they owe, and how several payments share them."""
