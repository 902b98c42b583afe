"""WaMe Box: a WhatsApp gateway and campaign manager in one process."""
