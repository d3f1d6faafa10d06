"""The baselines that Paygraph is compared with."""
