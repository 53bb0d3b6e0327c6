"""Push: deliveries, which triggers write beside each change, are sent from here."""
