"""The endpoints: each resource asks its guard, calls what decides, and answers. No logic is here."""
