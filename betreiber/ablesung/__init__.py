"""Readings: taking Telegramme in, judging each reading, storing, listing."""
