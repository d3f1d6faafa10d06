"""Tests of the HTTP server: no database, no Stripe, a small schema of their own."""
