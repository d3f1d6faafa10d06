"""The speed of Paygraph, compared with a hand-written limit and other servers: see benchmarks/README.md."""
