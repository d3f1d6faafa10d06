"""What Paygraph is measured against."""
