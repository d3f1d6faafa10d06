"""Methods that take days: bank debits, microdeposits, vouchers, codes and bank transfers."""
