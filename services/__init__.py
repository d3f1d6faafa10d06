"""DECIDES: rules, transactions, locks. Every operation with money goes through its three phases here."""
