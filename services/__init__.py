"""DECIDES: rules, transactions, locks. Every act with money goes through its three phases here."""
