"""The account: its balance, its payouts and its settings."""
