"""How fast Paygraph is, beside what it could be and what others are: `make bench`, see benchmarks/README.md."""
