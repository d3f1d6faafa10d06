"""What tests share: the shop, histories, walks, checks. No tests."""
