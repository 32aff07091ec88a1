"""What every other room of lua/bg builds on."""
