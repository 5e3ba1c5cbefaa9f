"""The worker: sends what waits in the outbox, by SMTP and by HTTP, and says what became of it."""
