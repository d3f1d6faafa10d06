"""Tests of the HTTP door: no database, no Stripe, a small schema of their own."""
